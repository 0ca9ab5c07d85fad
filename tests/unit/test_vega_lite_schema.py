"""Every chart of a report and every figure of a run is a specification by Vega-Lite's own schema.

Specifications that differ in rows, words or numbers alone are checked once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.vega_lite import check_spec, read_schema, thin

from heliotrope.report.charts.beside import unpack_spec
from heliotrope.report.explain import open_run
from heliotrope.report.figures.lay_out import compute_canvas, lay_out
from heliotrope.report.figures.list_figures import list_figures
from heliotrope.report.section import ReportInput
from heliotrope.run.verification import read_rulebook_of

PACKED = re.compile(r'data-vega-lite="([^"]+)"')
PLOT = 300


def name_shape(spec: Any) -> str:
    """Name what a specification is but for its rows, its words and its numbers."""
    return re.sub(r'\d+(\.\d+)?|(?<=: )"[^"]*[ ,][^"]*"', "", json.dumps(thin(spec)))


@pytest.fixture(scope="module", params=["seven_run", "modern_run"])
def run(request: pytest.FixtureRequest) -> Path:
    """A run of each example."""
    return request.getfixturevalue(request.param)


def list_specs(run: Path) -> Iterator[Any]:
    """List the charts of the report and the figures laid out for a column of a journal."""
    for packed in PACKED.findall((run / "report.html").read_text(encoding="utf-8")):
        yield unpack_spec(packed)
    tables = open_run(run)
    report = ReportInput(run=tables, rulebook=read_rulebook_of(tables.manifest))
    for figure in list_figures(report):
        yield lay_out(figure.spec, compute_canvas(84), PLOT)


def test_every_chart_is_valid_by_the_schema(run: Path) -> None:
    shapes = {name_shape(spec): spec for spec in list_specs(run)}
    assert len(shapes) > 15
    for spec in shapes.values():
        check_spec(spec)


def test_a_misspelt_property_is_seen(run: Path) -> None:
    spec = thin(next(list_specs(run)))
    layer = spec["vconcat"][0]["layer"][0]
    layer["mark"]["strokeDsah"] = [2, 3]
    assert not read_schema().is_valid(spec)
