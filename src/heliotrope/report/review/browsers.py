"""Finds a browser that can print: Chromium, Chrome or Edge, on the path or where they live."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
)
LINUX = (
    "/usr/bin/chromium",
    "/snap/bin/chromium",
    "/opt/google/chrome/chrome",
    "/opt/microsoft/msedge/msedge",
    "/var/lib/flatpak/exports/bin/org.chromium.Chromium",
    "/var/lib/flatpak/exports/bin/com.google.Chrome",
    "/var/lib/flatpak/exports/bin/com.microsoft.Edge",
)
MACOS = (
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Chromium.app/Contents/MacOS/Chromium",
    "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
WINDOWS = (
    r"Google\Chrome\Application\chrome.exe",
    r"Chromium\Application\chrome.exe",
    r"Microsoft\Edge\Application\msedge.exe",
)
WINDOWS_ROOTS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")


def find_browser(
    platform: str = sys.platform, environment: Mapping[str, str] | None = None
) -> Path | None:
    """Find an installed browser that prints; None where there is none.

    The path is searched first, then the usual places of the system. Nothing is installed or
    fetched.
    """
    environment = os.environ if environment is None else environment
    for name in NAMES:
        if found := shutil.which(name, path=environment.get("PATH", "")):
            return Path(found)
    places = list_usual_places(platform, environment)
    return next((place for place in places if place.is_file()), None)


def list_usual_places(platform: str, environment: Mapping[str, str]) -> Iterator[Path]:
    """List where browsers live on a system: ``linux``, ``darwin`` or ``win32``."""
    if platform == "darwin":
        for root in (Path("/Applications"), Path(environment.get("HOME", "/")) / "Applications"):
            yield from (root / name for name in MACOS)
    elif platform == "win32":
        roots = [environment[name] for name in WINDOWS_ROOTS if environment.get(name)]
        yield from (Path(root) / name for root in roots for name in WINDOWS)
    else:
        yield from (Path(name) for name in LINUX)
