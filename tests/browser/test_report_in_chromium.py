"""The report in a real browser: no sideways scrolling on a phone, no script, nothing fetched."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from heliotrope.pipeline import run_study

EXAMPLES = Path(__file__).parents[2] / "examples"
LABELS = [(1, "a", "rapid"), (1, "b", "slow"), (2, "a", "slow"), (6, "a", "none"), (7, "a", "late")]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]
MEASURE = """<script>
const root = document.documentElement;
const wide = [...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll") &&
  !e.closest("svg") && e.getBoundingClientRect().right > root.clientWidth + 1);
const small = [...document.querySelectorAll(".chart span, .chart text, td, p, dd")].filter(
  e => e.textContent.trim() && parseFloat(getComputedStyle(e).fontSize) < 10.5);
const first = [...wide, ...small].map(e => e.outerHTML.slice(0, 120))[0] || "";
const sizes = [root.clientWidth, root.scrollWidth, wide.length, small.length];
parent.postMessage([sizes.join("/"), first], "*");
</script></body>"""
PHONE = """<body style="margin:0"><iframe src="measured.html"
style="border:0;width:{width}px;height:900px"></iframe>
<script>addEventListener("message", message => {{
const [measured, first] = message.data;
Object.assign(document.documentElement.dataset, {{ measured, first }});
}});</script></body>"""


def find_chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    if os.environ.get("CI"):
        pytest.fail("Chromium is needed in CI for the browser tests")
    pytest.skip("no Chromium here: the browser tests were NOT run")


def browse(page: Path, width: int, profile: Path, *flags: str) -> str:
    done = subprocess.run(
        [
            find_chromium(),
            *FLAGS,
            f"--user-data-dir={profile}",
            f"--window-size={width},900",
            *flags,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The seven children with every section there is: labels invented here, series pooled."""
    folder = tmp_path_factory.mktemp("browser")
    study = Path(shutil.copytree(EXAMPLES / "seven_children", folder / "study"))
    with (study / "study.toml").open("a", encoding="utf-8") as settings:
        settings.write("pool_evidence = true\n")
    labels = [f"S0{child},1,{rater},{label}" for child, rater, label in LABELS]
    text = "\n".join(["patient_id,regimen,rater,pattern", *labels])
    (study / "adjudication.csv").write_text(text + "\n", encoding="utf-8")
    run_study(study, folder / "run")
    return folder / "run" / "report.html"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen_or_too_small_to_read(
    report: Path, width: int, tmp_path: Path
) -> None:
    text = report.read_text(encoding="utf-8")
    opened = re.sub(r"<details(?! open)", "<details open", text)
    opened = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", opened)
    measured_page = tmp_path / "measured.html"
    measured_page.write_text(opened.replace("</body>", MEASURE), encoding="utf-8")
    page = tmp_path / "phone.html"  # a browser window cannot be as narrow as a phone, a frame can
    page.write_text(PHONE.format(width=width), encoding="utf-8")
    shown = browse(page, 1400, tmp_path / "profile", "--virtual-time-budget=9000", "--dump-dom")
    measured = re.search(r'data-measured="(\d+)/(\d+)/(\d+)/(\d+)"', shown)
    assert measured is not None
    client, scroll, too_wide, too_small = map(int, measured.groups())
    first = re.search(r'data-first="([^"]*)"', shown)
    assert client == width
    assert scroll <= client, first
    assert (too_wide, too_small) == (0, 0), first


def test_the_report_runs_no_script_even_when_one_is_smuggled_in(
    report: Path, tmp_path: Path
) -> None:
    smuggled = "<script>document.documentElement.dataset.ran='yes'</script></body>"
    page = tmp_path / "smuggled.html"
    page.write_text(
        report.read_text(encoding="utf-8").replace("</body>", smuggled), encoding="utf-8"
    )
    assert 'data-ran="yes"' not in browse(page, 390, tmp_path / "profile", "--dump-dom")


def test_every_child_begins_on_a_page_of_its_own(report: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "report.pdf"
    browse(report, 1280, tmp_path / "profile", "--no-pdf-header-footer", f"--print-to-pdf={pdf}")
    counts = [int(n) for n in re.findall(rb"/Count (\d+)", pdf.read_bytes())]
    assert max(counts) >= 7 + 4
