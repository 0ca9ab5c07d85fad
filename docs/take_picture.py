"""Take the README's picture of the report: run the example study, photograph its first screen.

``make picture`` runs it. Needs Chromium (or Chrome) on the machine; nothing is downloaded.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PICTURE = Path(__file__).parent / "images" / "report.png"
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "chrome"]
WIDTH, HEIGHT = 1280, 800


def main() -> None:
    """Run the example in a temporary folder and take the picture."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit("Expected: Chromium or Chrome\nFound:    none\nTo do:    install one")
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [sys.executable, "-m", "heliotrope", "demo", "--out", str(run), "--no-open"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        PICTURE.parent.mkdir(exist_ok=True)
        photograph(browser, run / "report.html", PICTURE)
    sys.stdout.write(f"{PICTURE.name}: {PICTURE.stat().st_size / 1e3:.0f} kB\n")


def photograph(browser: str, page: Path, picture: Path) -> None:
    """Open a page without a window and keep what stands on its first screen."""
    subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--hide-scrollbars",
            "--virtual-time-budget=5000",
            f"--window-size={WIDTH},{HEIGHT}",
            f"--screenshot={picture.resolve()}",
            page.resolve().as_uri(),
        ],
        check=True,
        capture_output=True,
    )


if __name__ == "__main__":
    main()
