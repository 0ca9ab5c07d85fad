"""The page of a shared set: every row in it, to be read before it is sent; no child, no chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from heliotrope.report.environment import make_environment
from heliotrope.report.language import _, get_tag
from heliotrope.report.scripts import EmbeddedScripts, make_policy
from heliotrope.report.style import SHARED, render_style
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
    """Render result rows, analysis by analysis, as a page in the style of all, without a script."""
    of_sites = manifest.get("sites", [manifest])
    return (
        make_environment()
        .get_template(template)
        .render(
            css=render_style(SHARED),
            language=get_tag(),
            policy=make_policy(EmbeddedScripts()),
            manifest=manifest,
            is_synthetic=any(site.get("synthetic") for site in of_sites),
            analyses=analyses,
            research_only=_(RESEARCH_ONLY),
        )
    )
