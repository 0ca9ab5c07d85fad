"""How long a report takes to write and to appear, and how large it is: 7, 100 and 1,000 children.

``python benchmarks/report.py`` runs each cohort once (the example of seven; the others invented),
then renders its report three times from the finished run, and opens it three times in Chromium,
each time in a profile of its own, until its first contentful paint. Rewrites its part of
README.md. ``--quick`` takes 7 and 30 children and writes nothing.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from machine import describe_machine, draw_table, write_part
from playwright.sync_api import Browser, sync_playwright

from heliotrope.example_studies import find_example
from heliotrope.pipeline import RunOptions, run_study
from heliotrope.report.page import render_report
from heliotrope.run.manifest import read_manifest
from heliotrope.run.verification import read_rulebook_of
from heliotrope.simulate.folder import SimulationOrder, write_simulated_study

EXAMPLE = 7
SIZES, QUICK = (EXAMPLE, 100, 1_000), (EXAMPLE, 30)
AIMS = {100: "under 5 s, 5 MB"}
SEED = 20
TURNS = 3
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FIRST_PAINT = """() => new Promise(resolve => new PerformanceObserver(list => {
  const found = list.getEntries().find(entry => entry.name === "first-contentful-paint");
  if (found) resolve(found.startTime);
}).observe({type: "paint", buffered: true}))"""


def main() -> None:
    """Measure, print, write."""
    is_quick = "--quick" in sys.argv
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise SystemExit("Expected: Chromium or Chrome\nFound:    none\nTo do:    install one")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        sizes = QUICK if is_quick else SIZES
        rows = [measure_report(Path(folder), children, browser) for children in sizes]
        release = f"Chromium {browser.version}"
        browser.close()
    header = ["children", "rendered", "report.html", "first contentful paint", "aim"]
    machine = f"{describe_machine()}, {release}. Medians of {TURNS}."
    text = f"{machine}\n\n{draw_table(header, rows)}"
    sys.stdout.write(text + "\n")
    if not is_quick:
        write_part("report", text)


def measure_report(work: Path, children: int, browser: Browser) -> list[str]:
    """Run a cohort, then render its report and open it."""
    run = work / f"{children}-run"
    study = find_example("seven_children")
    if children != EXAMPLE:
        study = work / f"{children}-study"
        write_simulated_study(SimulationOrder(children, SEED, "csv", None, False), study)
    run_study(study, run, RunOptions())
    rulebook = read_rulebook_of(read_manifest(run))
    seconds = find_median(lambda: time_call(lambda: render_report(run, rulebook)))
    report = run / "report.html"
    paint = find_median(lambda: time_first_paint(browser, report))
    megabytes = report.stat().st_size / 1e6
    found = [f"{seconds:.2f} s", f"{megabytes:.2f} MB", f"{paint:.2f} s"]
    return [f"{children:,}", *found, AIMS.get(children, "")]


def time_first_paint(browser: Browser, page: Path) -> float:
    """Open a page as a reader does the first time; seconds until something is to be read."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    opened.goto(page.resolve().as_uri())
    milliseconds = float(opened.evaluate(FIRST_PAINT))
    context.close()
    return milliseconds / 1000


def time_call(do: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


def find_median(measure: Callable[[], float]) -> float:
    """Measure a few times and take the median."""
    return statistics.median(measure() for _ in range(TURNS))


if __name__ == "__main__":
    main()
