"""Every task of the workbench as a person does it, at a desk and on a phone, with and without
scripts; nothing asked of another machine, nothing that the policy forbids, nothing axe objects to.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect
from tests.browser.barriers import find_barriers, thin_out
from tests.browser.conftest import DESKTOP, PHONE, turn
from tests.unit.test_workbench_mapping import INFUSIONS, VISITS

from heliotrope.example_studies import find_example
from heliotrope.pipeline import run_study

WIDTHS_AND_SCRIPTS = pytest.mark.parametrize(
    ("width", "javascript"), [(DESKTOP, False), (PHONE, True)], ids=["desk-no-scripts", "phone"]
)
SEVEN = find_example("seven_children")
HOSTILE = '<img src=x onerror=alert(1)> \u202eabc "' + "Wolfeschlegelsteinhausenbergerdorff" * 4
SECONDS = 60_000

TOO_WIDE = """[...document.querySelectorAll("body *")].filter(
  e => !e.closest(".scroll") && !e.closest("svg") && !e.closest(".hidden, .skip, option, thead") &&
  e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 160))"""
DROP = """(field, text) => {
  const data = new DataTransfer();
  data.items.add(new File([text], "assessment.csv", {type: "text/csv"}));
  for (const name of ["dragenter", "dragover", "drop"])
    field.dispatchEvent(new DragEvent(name, {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


@dataclass(frozen=True)
class Workbench:
    """A workbench that runs: its address with the token, and without."""

    address: str
    folder: Path

    @property
    def base(self) -> str:
        """The address of its first page."""
        return self.address.partition("/?")[0]


@pytest.fixture(scope="module")
def workbench(seven_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workbench with two runs; in the second a child has a hostile name."""
    folder = tmp_path_factory.mktemp("workbench")
    changed = folder / "changed"
    changed.mkdir()
    for path in SEVEN.glob("*"):
        text = path.read_text(encoding="utf-8")
        quoted = '"' + HOSTILE.replace('"', '""') + '"'
        (changed / path.name).write_text(re.sub(r"^S01,", f"{quoted},", text, flags=re.M), "utf-8")
    shutil.copytree(seven_run, folder / "work" / "runs" / "seven-1")
    run_study(changed, folder / "work" / "runs" / "seven-2")
    command = [sys.executable, "-m", "heliotrope", "serve", "--no-open", "--workspace", "work"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield Workbench(process.stdout.readline().strip(), folder)
    finally:
        process.terminate()
        process.wait(10)


def check_page(page: Page, *, is_long: bool = False) -> None:
    """Nothing hangs over the edge, and axe finds nothing; of a long page it sees a few of each."""
    page.wait_for_load_state()
    assert page.evaluate(TOO_WIDE) == []
    if is_long:
        thin_out(page)
    assert find_barriers(page) == [], page.url


def check_both_looks(page: Page, *, is_long: bool = False) -> None:
    """Check a page opened at a desk there, and dark on a phone: the edge before any is thinned."""
    page.wait_for_load_state()
    turn(page, PHONE, "dark")
    assert page.evaluate(TOO_WIDE) == [], page.url
    turn(page, DESKTOP)
    check_page(page, is_long=is_long)
    turn(page, PHONE, "dark")
    assert find_barriers(page) == [], page.url
    turn(page, DESKTOP)


def choose(page: Page, name: str, word: str, *, javascript: bool) -> None:
    """Choose in a filter: with scripts it takes effect at once."""
    page.wait_for_load_state()
    page.locator(f"select[name={name}]").select_option(word)
    if not javascript:
        page.get_by_role("button", name="Filter").click()


@WIDTHS_AND_SCRIPTS
def test_from_an_upload_to_the_page_of_a_child(
    workbench: Workbench, open_page: Callable[..., Page], width: int, javascript: bool
) -> None:
    page = open_page(workbench.address, width=width, javascript=javascript)
    page.set_default_timeout(SECONDS)
    files = [path for path in SEVEN.iterdir() if path.suffix in (".csv", ".toml")]
    page.get_by_label(re.compile("Choose files, or drop them here")).set_input_files(files)
    page.get_by_label("Name of the study").fill(f"ward {width} {javascript}")
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Seven children")

    page.get_by_role("button", name="Check the records").click()
    page.wait_for_url("**/findings", timeout=SECONDS)
    expect(page.get_by_text("1 to 3 of 3")).to_be_visible()
    choose(page, "rule", "partial_date_placed", javascript=javascript)
    expect(page.get_by_text("1 to 2 of 2")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download these as CSV").click()
    assert Path(download.value.path()).read_text("utf-8-sig").count("partial_date_placed") == 2

    page.get_by_role("navigation", name="Workbench").get_by_role("link", name="Studies").click()
    page.get_by_role("link", name=f"ward-{width}-{str(javascript).lower()}", exact=True).click()
    page.get_by_role("button", name="Run the evaluation").click()
    page.wait_for_url("**/runs/**", timeout=SECONDS)
    expect(page.get_by_text("7 of 7 children received IVIG")).to_be_visible()

    page.get_by_role("link", name="The children").click()
    choose(page, "pattern", "rapid", javascript=javascript)
    expect(page.get_by_text("1 to 3 of 3")).to_be_visible()
    page.get_by_role("link", name="S01").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Child S01")
    expect(page.get_by_text("Worse 48 days after the last infusion").first).to_be_visible()
    page.get_by_role("link", name="Trace").click()
    expect(page.get_by_text("assessment.csv, row 24, column value").first).to_be_visible()
    page.get_by_role("link", name="Under another definition").click()
    page.locator("select[name=first]").select_option("jdm_ivig_response")
    page.get_by_label("Compared with").select_option("tis_jdm_printo")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("18 of 18 visits are classed differently.")).to_be_visible()
    page.get_by_role("navigation", name="This run").get_by_role("link", name="Report").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Seven children")


@WIDTHS_AND_SCRIPTS
def test_a_mapping_is_set_question_by_question_and_by_column(
    workbench: Workbench, open_page: Callable[..., Page], width: int, javascript: bool
) -> None:
    page = open_page(workbench.address, width=width, javascript=javascript, may_complain=True)
    files = [
        {"name": name, "mimeType": "text/csv", "buffer": text.encode()}
        for name, text in (("visits.csv", VISITS), ("infusions.csv", INFUSIONS))
    ]
    page.get_by_label(re.compile("Choose files")).set_input_files(files)
    page.get_by_label("Name of the study").fill(f"mapped {width} {javascript}")
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("link", name="Set the mapping").click()
    page.get_by_role("button", name="propose a mapping").click()
    if javascript:
        check_page(page)
    while page.get_by_role("button", name="Accept").count():
        page.get_by_role("button", name="Accept").first.click()
        page.wait_for_load_state()
    column = page.get_by_label("remark is read as")
    column.select_option("measure:physician_judgement")
    page.locator("form", has=column).get_by_role("button", name="Save these columns").click()
    expect(page.get_by_label("remark is read as")).to_have_value("measure:physician_judgement")
    page.get_by_role("link", name="how it is read: CK").click()
    page.get_by_label("Unit of its numbers").select_option("ukat/L")
    page.get_by_role("button", name="Show what becomes of it").click()
    expect(page.locator("ins")).to_contain_text(['+ unit = "ukat/L"'])
    if javascript:
        check_page(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("Unit of its numbers")).to_have_value("ukat/L")
    page.get_by_role("link", name="Back to the mapping").click()
    page.get_by_label("study.toml").fill('titel = "mine"')
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("'title'")
    expect(page.get_by_label("study.toml")).to_have_value(re.compile("mine"))


def test_two_tabs_at_once(workbench: Workbench, open_page: Callable[..., Page]) -> None:
    page = open_page(workbench.address)
    page.get_by_role("button", name="Seven children").click()
    address = f"{page.url}/mapping"
    other = page.context.new_page()
    page.goto(address)
    other.goto(address)
    for tab, title in ((page, "first"), (other, "second")):
        tab.get_by_label("study.toml").fill(f'title = "{title}"\n')
        tab.get_by_role("button", name="Save", exact=True).click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Changed meanwhile")
    expect(other.locator(".side")).to_contain_text("first")
    expect(other.get_by_label("Your text")).to_have_value(re.compile("second"))
    check_both_looks(other)
    turn(other, PHONE)
    other.get_by_role("button", name="Save yours in its place").click()
    expect(other.get_by_role("status")).to_have_text("Saved.")
    expect(other.get_by_label("study.toml")).to_have_value('title = "second"\n')


@WIDTHS_AND_SCRIPTS
def test_the_calculator(
    workbench: Workbench, open_page: Callable[..., Page], width: int, javascript: bool
) -> None:
    page = open_page(workbench.address, width=width, javascript=javascript)
    page.get_by_role("link", name="Calculator").click()
    values = {"Physician global activity": ("6", "3"), "Creatine kinase": ("30", "7.5"),
              "Manual muscle test of eight groups": ("56", "68")}  # fmt: skip
    for name, (before, after) in values.items():
        page.get_by_label(f"{name}, baseline").fill(before)
        page.get_by_label(f"{name}, now").fill(after)
    page.get_by_label("Creatine kinase, upper limit of normal").fill("3.4")
    page.get_by_label("Creatine kinase, unit").select_option("ukat/L")
    page.get_by_role("button", name="Score").click()
    expect(page.get_by_role("heading", name="Result")).to_be_visible()
    expect(page.get_by_text("17.5 / 20").first).to_be_visible()
    expect(page.get_by_text("30 ukat/L = 1800 U/L")).to_be_visible()
    expect(page.get_by_label("Creatine kinase, unit")).to_have_value("ukat/L")
    expect(page.get_by_label("Physician global activity, baseline")).to_have_value("6")
    if javascript:
        check_page(page)


def test_two_runs_are_compared(workbench: Workbench, open_page: Callable[..., Page]) -> None:
    page = open_page(workbench.address, width=PHONE)
    page.get_by_role("link", name="Compare runs").click()
    page.get_by_label("Earlier run").select_option("seven-1")
    page.get_by_label("Later run").select_option("seven-2")
    page.get_by_role("button", name="Compare").click()
    page.locator("select[name=definition]").select_option("jdm_ivig_response")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("0 of 6 that both runs judged")).to_be_visible()
    expect(page.get_by_text("Only in the earlier run: 1.")).to_be_visible()
    check_both_looks(page)


@WIDTHS_AND_SCRIPTS
def test_results_are_taken_away_and_the_run_is_deleted(
    workbench: Workbench, open_page: Callable[..., Page], width: int, javascript: bool
) -> None:
    runs = workbench.folder / "work" / "runs"
    shutil.copytree(runs / "seven-1", runs / f"away-{width}")
    page = open_page(workbench.address, width=width, javascript=javascript)
    page.set_default_timeout(SECONDS)
    page.get_by_role("link", name=f"away-{width}").click()
    page.get_by_role("navigation", name="This run").get_by_role("link", name="To take").click()
    page.get_by_role("button", name="Make it: Results").click()
    link = page.get_by_role("link", name="Download Results")
    expect(link).to_be_visible(timeout=SECONDS)
    with page.expect_download() as download:
        link.click()
    assert zipfile.is_zipfile(download.value.path())
    page.get_by_role("link", name="Overview").click()
    page.get_by_role("link", name="Delete this run").click()
    expect(page.get_by_text(str(runs / f"away-{width}"))).to_be_visible()
    if javascript:
        check_page(page)
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("status")).to_have_text(f"Deleted: away-{width}.")
    assert not (runs / f"away-{width}").exists()
    assert (runs / "seven-1").exists()


def test_every_page_is_accessible_and_fits_at_a_desk_and_dark_on_a_phone(
    workbench: Workbench, open_page: Callable[..., Page]
) -> None:
    page = open_page(workbench.address)
    check_both_looks(page)
    child = f"/runs/seven-2/child?id={quote(HOSTILE)}"
    for path in (
        "/definitions",
        "/definitions/tis_jdm_imacs",
        "/definitions/inactive_disease_2015",
        "/definitions/jdm_ivig_response",
        "/calculator",
        "/compare",
        "/runs/seven-1",
        "/runs/seven-1/take-away",
        "/runs/seven-1/child/print?id=S02",
        "/runs/seven-1/children",
        "/runs/seven-2/children?sort=-pattern",
        "/runs/seven-1/child?id=S02",
        "/runs/seven-1/child/trace?id=S02",
        "/runs/seven-1/child/other?id=S02&first=jdm_ivig_response&second=tis_jdm_imacs",
        child,
        child.replace("child?", "child/trace?"),
        "/runs/seven-1/definitions?first=jdm_ivig_response&second=tis_jdm_imacs",
        "/runs/seven-1/findings",
    ):
        page.goto(workbench.base + path)
        check_both_looks(page, is_long=True)
    page.goto(workbench.base)
    page.get_by_role("navigation", name="Workbench").get_by_role("link", name="Studies").click()
    page.get_by_label("Path of a study").fill("changed")
    page.get_by_role("button", name="Open").click()
    check_both_looks(page)


def test_a_run_is_watched_live_and_cancelled(
    workbench: Workbench, open_page: Callable[..., Page]
) -> None:
    page = open_page(workbench.address)
    page.get_by_role("button", name="A modern cohort of thirty").click()
    page.get_by_label("with the pulse model").check()
    page.get_by_role("button", name="Run the evaluation").click()
    address = page.url
    page.evaluate("window.isSame = true")
    expect(page.locator("[data-step]")).not_to_have_text("Starting", timeout=SECONDS)
    assert page.evaluate("window.isSame") is True
    check_page(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled; nothing of it was kept")).to_be_visible()
    assert page.url == address


def test_a_chart_opens_in_vega_under_the_policy_of_the_workbench(
    workbench: Workbench, open_page: Callable[..., Page]
) -> None:
    page = open_page(workbench.address, may_complain=True)
    page.goto(f"{workbench.base}/runs/seven-1/child?id=S01")
    page.get_by_role("button", name="Zoom or save").first.click()
    expect(page.locator(".vega-view svg").first).to_be_visible(timeout=SECONDS)
    page.goto(f"{workbench.base}/runs/seven-1/child/review?id=S01")
    expect(page.get_by_text("S01").first).to_be_visible()


def test_files_are_dropped(workbench: Workbench, open_page: Callable[..., Page]) -> None:
    page = open_page(workbench.address)
    text = "patient_id,date,measure,value\nP1,2020-01-01,cmas,40\n"
    page.locator("[data-drop]").evaluate(DROP, text)
    expect(page.locator("[data-chosen]")).to_have_text("assessment.csv")
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("assessment")


def test_the_keyboard_alone(workbench: Workbench, open_page: Callable[..., Page]) -> None:
    page = open_page(workbench.address)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Seven children":
            break
        style = "getComputedStyle(document.activeElement)"
        inner = "getComputedStyle(document.activeElement.closest('.drop') ?? document.body)"
        assert page.evaluate(f"{style}.outlineStyle + {inner}.outlineStyle") != "nonenone"
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Check the records")).to_be_visible()


def test_a_stranger_sees_nothing(workbench: Workbench, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{workbench.base}/runs/seven-1", may_complain=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("403")
    assert "S01" not in page.content()
