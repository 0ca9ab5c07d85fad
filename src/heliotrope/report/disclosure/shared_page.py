"""The page of a shared set: every row in it, to be read before it is sent; no child, no chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from heliotrope.report.charts.palette_css import render_palette
from heliotrope.report.environment import TEMPLATES, make_environment
from heliotrope.report.words import RESEARCH_ONLY

NOT_SHOWN = ("proportion_wilson",)


def render_shared_page(shared: pl.DataFrame, manifest: Mapping[str, Any]) -> str:
    """Render what a site gives away as one page that opens offline and needs no script."""
    shown = shared.filter(pl.col("statistic").is_in(NOT_SHOWN).not_())
    analyses = [
        {"name": name, "rows": shown.filter(pl.col("analysis") == name).to_dicts()}
        for name in shown["analysis"].unique(maintain_order=True)
    ]
    return render_analyses("shared.html.j2", manifest, analyses)


def render_analyses(
    template: str, manifest: Mapping[str, Any], analyses: Sequence[Mapping[str, Any]]
) -> str:
    """Render result rows, analysis by analysis, as a page of one sheet without a script."""
    css = (TEMPLATES / "shared.css").read_text(encoding="utf-8")
    return (
        make_environment()
        .get_template(template)
        .render(
            css=Markup(render_palette() + css),
            manifest=manifest,
            analyses=analyses,
            research_only=RESEARCH_ONLY,
        )
    )
