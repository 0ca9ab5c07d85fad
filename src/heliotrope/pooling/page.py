"""The page of pooled results: which sites, what was pooled, what was not and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from heliotrope.report.disclosure.shared_page import render_analyses

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
    return render_analyses("pooled.html.j2", manifest, analyses)
