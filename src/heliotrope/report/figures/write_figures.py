"""Write the figures of a run as SVG with real text and as PNG, in the widths of journal columns."""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from heliotrope.definitions.load import Rulebook
from heliotrope.errors import ExitCode, UserError
from heliotrope.report.charts.spec import VEGA_LITE, Spec
from heliotrope.report.figures.lay_out import (
    LEAST_PLOT,
    MM_PER_INCH,
    compute_canvas,
    lay_out,
)
from heliotrope.report.figures.list_figures import SHOW_CHILDREN, Figure, list_figures
from heliotrope.report.language import _, later
from heliotrope.report.read_run import RunTables
from heliotrope.report.section import ReportInput

COLUMN_MM = {"single": 84, "double": 174}
"""Widths of one and of two columns, in millimetres."""

NO_AGGREGATE = later("Single children can be seen in this figure: it is no aggregate.")

_SIZE = re.compile(r'(<svg[^>]*?) width="([\d.]+)" height="([\d.]+)"')


@dataclass(frozen=True)
class FigureOptions:
    """What is written: widths (``single``, ``double``), dots per inch, names (none: all)."""

    columns: Sequence[str] = ("single", "double")
    dots_per_inch: int = 300
    names: Sequence[str] = ()


def write_figures(
    run: Path, folder: Path, rulebook: Rulebook, options: FigureOptions | None = None
) -> list[Path]:
    """Write the figures of a run folder into a folder, and return the files in order.

    Of each figure: ``NAME-single.svg`` and ``.png``, ``NAME-double.svg`` and ``.png``, beside each
    a text of the same name (its title, then what it shows, as the Word export takes them up), and
    its Vega-Lite specification ``NAME.vl.json``. Errors:
    vl-convert is not installed: UserError, exit 4; a name that the run has no figure of, or a
    width that there is none of: UserError.
    """
    options = options or FigureOptions()
    converter = _find_converter()
    figures = _choose(list_figures(ReportInput(run=RunTables(run), rulebook=rulebook)), options)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for figure in figures:
        for column in options.columns:
            written += _write_one(figure, column, folder, options.dots_per_inch, converter)
        path = folder / f"{figure.name}.vl.json"
        path.write_text(json.dumps(figure.spec, indent=1) + "\n", encoding="utf-8")
        written.append(path)
    return written


def _find_converter() -> ModuleType:
    try:
        import vl_convert
    except ImportError:
        raise UserError(
            "the package vl-convert-python, which draws figures for print",
            "it is not installed",
            "pip install 'heliotrope[figures]'",
            ExitCode.ENVIRONMENT,
        ) from None
    module: ModuleType = vl_convert
    return module


def _choose(figures: Sequence[Figure], options: FigureOptions) -> Sequence[Figure]:
    known = [figure.name for figure in figures]
    for kind, wanted, there in (
        ("figure", options.names, known),
        ("width", options.columns, list(COLUMN_MM)),
    ):
        unknown = [name for name in wanted if name not in there]
        if unknown:
            raise UserError(
                f"a {kind} of this run: {', '.join(there) or 'none'}",
                ", ".join(unknown),
                f"name one of them, or leave the {kind} out for all",
            )
    return [figure for figure in figures if not options.names or figure.name in options.names]


def _write_one(
    figure: Figure, column: str, folder: Path, dots_per_inch: int, converter: ModuleType
) -> list[Path]:
    width_mm = COLUMN_MM[column]
    canvas = compute_canvas(width_mm)
    fitted, drawn = _fit(figure.spec, canvas, lambda spec: _draw(spec, converter))
    svg = folder / f"{figure.name}-{column}.svg"
    svg.write_text(_size_in_mm(drawn, width_mm), encoding="utf-8")
    dots = width_mm / MM_PER_INCH * dots_per_inch
    image = converter.vegalite_to_png(
        fitted, vl_version=VEGA_LITE, scale=dots / _read_width(drawn), ppi=72
    )
    png = folder / f"{figure.name}-{column}.png"
    png.write_bytes(set_resolution(image, dots_per_inch))
    caption = folder / f"{figure.name}-{column}.txt"
    words = [figure.title, figure.spec["description"]]
    words += [_(NO_AGGREGATE)] if figure.name in SHOW_CHILDREN else []
    caption.write_text("\n".join([*words, ""]), encoding="utf-8")
    return [svg, png, caption]


def _draw(spec: Spec, converter: ModuleType) -> str:
    return str(converter.vegalite_to_svg(spec, vl_version=VEGA_LITE))


def _fit(spec: Spec, canvas: float, draw: Callable[[Spec], str]) -> tuple[Spec, str]:
    """Find the width of the plots that fills the canvas: known once the labels are drawn."""
    plot = canvas * 0.7
    for _attempt in range(3):
        laid = lay_out(spec, canvas, plot)
        drawn = draw(laid)
        over = _read_width(drawn) - canvas
        if abs(over) < 1 or (over > 0 and plot <= LEAST_PLOT):
            break
        plot = max(plot - over, LEAST_PLOT)
    return laid, drawn


def _read_width(svg: str) -> float:
    found = _SIZE.search(svg)
    assert found is not None, "an SVG without its size"
    return float(found.group(2))


def _size_in_mm(svg: str, width_mm: float) -> str:
    """Give the drawing the width of the column; its letters stay text."""

    def scale(found: re.Match[str]) -> str:
        height = width_mm * float(found.group(3)) / float(found.group(2))
        return f'{found.group(1)} width="{width_mm}mm" height="{height:.2f}mm"'

    return _SIZE.sub(scale, svg, count=1)


def set_resolution(image: bytes, dots_per_inch: int) -> bytes:
    """Write into a PNG how many dots make an inch, so that it is placed in its true size."""
    per_metre = round(dots_per_inch / MM_PER_INCH * 1000)
    body = b"pHYs" + struct.pack(">IIB", per_metre, per_metre, 1)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    head = 8 + 25  # the signature and the header stand first
    rest = re.sub(rb"\x00\x00\x00\x09pHYs.{13}", b"", image[head:], count=1, flags=re.DOTALL)
    return image[:head] + chunk + rest
