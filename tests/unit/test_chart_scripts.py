"""A chart carries itself packed, its table, and scripts whose hashes a policy can name."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re

import pytest

from heliotrope.report.charts.beside import pack_spec, unpack_spec
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.palette_css import render_palette
from heliotrope.report.charts.scripts import VEGA, list_script_hashes, render_chart_scripts
from heliotrope.report.charts.spec import (
    TIP,
    Axis,
    ChartTable,
    make_channel,
    make_chart,
    make_layer,
    make_multiples,
    make_numeric,
    make_panel,
)

HOSTILE = '</script><img src=x onerror="alert(1)">'
AXIS = Axis(0, 10, (0, 5, 10), "Weeks")


def hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def panel(name: str = "P", **row: object) -> dict[str, object]:
    rows = [{"week": 1, "v": 2, "tip": "seen", "cell": "", **row}]
    y = make_numeric("v", (0, 4), (0, 4))
    return make_panel(name, 50, [make_layer("point", rows, x=make_channel(AXIS), y=y, tooltip=TIP)])


def test_a_packed_chart_unpacks_to_itself_and_is_never_markup() -> None:
    spec = make_chart(HOSTILE, [panel(tip=HOSTILE)])
    packed = pack_spec(spec)
    assert unpack_spec(packed) == spec
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", packed)
    drawn = str(render_chart(spec))
    assert f'data-vega-lite="{packed}"' in drawn
    assert "<img" not in drawn
    assert "<script" not in drawn


def test_an_empty_chart_packs_to_nothing() -> None:
    assert pack_spec(make_chart("", [])) == ""


def test_a_number_that_is_none_stops_the_page() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        pack_spec(make_chart("x", [panel(v=float("nan"))]))


def test_a_mark_says_its_words_and_the_cell_they_stand_in() -> None:
    drawn = str(render_chart(make_chart("x", [panel(cell="visits.csv, row 3, column ck")])))
    assert "<title>seen\nvisits.csv, row 3, column ck</title>" in drawn
    assert "<title>seen</title>" in str(render_chart(make_chart("x", [panel()])))


def test_a_table_stands_beside_the_drawing_and_is_escaped() -> None:
    table = ChartTable(("Child", "Value"), [(HOSTILE, "3")])
    drawn = str(render_chart(make_chart("x", [panel()], (), table)))
    assert drawn.index('role="img"') < drawn.index("<details")
    assert "<td>" not in drawn.replace('<td dir="auto">', "")
    assert "&lt;/script&gt;" in drawn
    assert "<details" not in str(render_chart(make_chart("x", [panel()])))


def test_the_axis_is_labelled_once_under_the_last_plot_even_where_layers_are_shared() -> None:
    shared = make_layer("rect", [{"week": 1}], x=make_channel(AXIS))
    panels = [make_panel(name, 20, [shared]) for name in "AB"]
    spec = make_chart("x", panels)
    labelled = [p["layer"][0]["encoding"]["x"]["axis"].get("labels", True) for p in spec["vconcat"]]
    assert labelled == [False, True]
    assert str(render_chart(spec)).count("<em>Weeks</em>") == 1


def test_multiples_stand_side_by_side_each_with_its_axis() -> None:
    drawn = str(render_chart(make_multiples("x", [panel("A"), panel("B")])))
    assert drawn.count('class="multiple"') == 2
    assert drawn.count('style="left:50.00%">5<') == 2
    assert '<p class="across">Weeks</p>' in drawn


def test_the_policy_names_what_the_page_runs() -> None:
    page = str(render_chart_scripts())
    runs = re.findall(r"<script>(.*?)</script>", page, re.S)
    assert [hash_of(text) for text in runs] == [list_script_hashes()[0]]
    packed = re.search(r'id="vega">(.*?)</script>', page, re.S)
    assert packed is not None
    vega = gzip.decompress(base64.b64decode(packed[1])).decode()
    assert hash_of(vega) == list_script_hashes()[1]
    assert "eval(" not in runs[0]


def test_vega_keeps_its_names_inside_and_asks_for_nothing() -> None:
    vega = gzip.decompress((VEGA / "vega.js.gz").read_bytes()).decode()
    assert vega.startswith("(() => {")
    assert vega.rstrip().endswith("})();")
    assert "expressionInterpreter" in vega


def test_the_bundle_is_of_the_version_that_specifications_are_tested_with() -> None:
    from heliotrope.report.charts.spec import VEGA_LITE

    known = json.loads((VEGA / "vega.json").read_text(encoding="utf-8"))
    assert known["vega_lite"] == VEGA_LITE
    assert "BSD" in (VEGA / "LICENSES.txt").read_text(encoding="utf-8")


def test_a_hollow_mark_keeps_its_stroke() -> None:
    assert ".chart .mark path.hollow.s-ink{stroke:var(--ink)}" in render_palette()
