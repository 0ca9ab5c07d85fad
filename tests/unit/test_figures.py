"""Figures for print: their true size in millimetres and dots, real text, the legend in them."""

from __future__ import annotations

import json
import re
import struct
import sys
from pathlib import Path

import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import ExitCode, UserError
from heliotrope.report.charts.cohort import draw_intervals
from heliotrope.report.charts.spec import list_panels, make_key, read_labels
from heliotrope.report.figures.lay_out import compute_canvas, draw_legend, lay_out
from heliotrope.report.figures.write_figures import FigureOptions, set_resolution, write_figures

EXAMPLES = Path(__file__).parents[2] / "examples"
MM, INCH = 1000, 25.4
ONLY = FigureOptions(columns=("single", "double"), names=("worsening", "swimmer"))


@pytest.fixture(scope="module")
def run(seven_run: Path) -> Path:
    return seven_run


@pytest.fixture(scope="module")
def folder(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "figures"
    write_figures(run, folder, read_rulebook(), ONLY)
    return folder


def read_size(png: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize(("column", "width_mm"), [("single", 84), ("double", 174)])
@pytest.mark.parametrize("name", ["worsening", "swimmer"])
def test_a_figure_has_the_width_of_its_column(
    folder: Path, name: str, column: str, width_mm: int
) -> None:
    svg = (folder / f"{name}-{column}.svg").read_text(encoding="utf-8")
    assert f'width="{width_mm}mm"' in svg
    canvas = float(re.findall(r'viewBox="0 0 ([\d.]+) ', svg)[0])
    assert canvas == pytest.approx(compute_canvas(width_mm), abs=1.5)
    png = (folder / f"{name}-{column}.png").read_bytes()
    assert read_size(png)[0] == pytest.approx(width_mm / INCH * 300, abs=2)
    at = png.index(b"pHYs") + 4
    assert struct.unpack(">IIB", png[at : at + 9]) == (11811, 11811, 1)
    assert png.count(b"pHYs") == 1


def test_letters_stay_text_and_the_legend_is_in_the_figure(folder: Path) -> None:
    svg = (folder / "swimmer-single.svg").read_text(encoding="utf-8")
    for words in ("not assessed", "improved at the visit", "Weeks from the first infusion"):
        assert f">{words}</text>" in svg
    assert "NaN" not in svg
    caption = (folder / "swimmer-single.txt").read_text(encoding="utf-8")
    assert caption.endswith("it is no aggregate.\n")
    assert caption.startswith("Every child in a lane\nSwimmer plot of 7 children")
    spec = json.loads((folder / "swimmer.vl.json").read_text(encoding="utf-8"))
    assert spec["$schema"].endswith("v6.json")


def test_long_names_of_lanes_are_broken_not_cut() -> None:
    name = "Improved, confirmed at a later visit by more than one measure of the disease"
    row = {"lane": name, "share": 40.0, "low": 5.0, "high": 85.0, "text": "2 of 5"}
    laid = lay_out(draw_intervals([row], "shares"), compute_canvas(84), 200)
    lanes = list_panels(laid["vconcat"][0])[0]["layer"][0]["encoding"]["y"]
    lines = read_labels(lanes)[name]
    assert len(lines) > 1
    assert " ".join(lines) == name


def test_keys_of_the_legend_stand_within_the_width_and_apart() -> None:
    keys = [make_key(f"key number {n}", "accent", "circle") for n in range(7)]
    legend = draw_legend(keys, 220)
    places = [
        (row["row"], row["x"]) for layer in legend["layer"][:-1] for row in layer["data"]["values"]
    ]
    assert len(set(places)) == 7
    assert max(row for row, _ in places) >= 3
    assert all(x < 220 for _, x in places)


def test_an_unknown_figure_is_named_with_those_there_are(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="swimmer") as fault:
        write_figures(run, tmp_path / "f", read_rulebook(), FigureOptions(names=("nonsense",)))
    assert fault.value.exit_code is ExitCode.DATA
    assert not (tmp_path / "f").exists()


def test_without_the_converter_the_extra_is_named(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(UserError, match=r"heliotrope\[figures\]") as fault:
        write_figures(run, tmp_path / "f", read_rulebook())
    assert fault.value.exit_code is ExitCode.ENVIRONMENT


def test_a_resolution_is_written_once_even_over_another() -> None:
    head = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + b"\x00" * 13 + b"\x00" * 4
    once = set_resolution(head + b"rest", 600)
    twice = set_resolution(once, 300)
    assert once.count(b"pHYs") == twice.count(b"pHYs") == 1
    assert twice.endswith(b"rest")
    assert len(once) == len(twice)
