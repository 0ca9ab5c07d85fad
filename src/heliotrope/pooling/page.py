"""The page of pooled results: which sites, what was pooled, what was not and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from markupsafe import Markup

from heliotrope.report.charts.palette_css import render_palette
from heliotrope.report.environment import TEMPLATES, make_environment
from heliotrope.report.words import RESEARCH_ONLY

ALL_SITES = "all_sites"


def render_pooled_page(results: pl.DataFrame, manifest: Mapping[str, Any]) -> str:
    """Render pooled results as one page that opens offline; refusals last in each analysis."""
    pooled = results.filter(pl.col("group") == ALL_SITES)
    analyses = [
        {
            "name": name,
            "rows": own.filter(pl.col("refused").is_null()).to_dicts(),
            "refused": own.filter(pl.col("refused").is_not_null()).to_dicts(),
        }
        for name in pooled["analysis"].unique(maintain_order=True)
        for own in [pooled.filter(pl.col("analysis") == name)]
    ]
    css = (TEMPLATES / "shared.css").read_text(encoding="utf-8")
    return (
        make_environment()
        .get_template("pooled.html.j2")
        .render(
            css=Markup(render_palette() + css),
            manifest=manifest,
            analyses=analyses,
            research_only=RESEARCH_ONLY,
        )
    )
