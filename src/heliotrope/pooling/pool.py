"""Pool the shared results of several sites: which rows go together, and what becomes of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from heliotrope import __version__
from heliotrope.definitions.disclosure import DISCLOSURE_CONTROL, DisclosureControl
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.pooling import POOLING_OF_SITES, PoolingOfSites
from heliotrope.errors import Found, UserError
from heliotrope.estimate.intervals import Interval
from heliotrope.estimate.rows import Row, make_results
from heliotrope.estimate.wording import worded
from heliotrope.pooling.counts import bound_share, pool_count, pool_share, read_count
from heliotrope.pooling.page import render_pooled_page
from heliotrope.pooling.sites import Site, find_common_differences, find_difference, read_sites
from heliotrope.pooling.spread import list_spread, read_on_line

ALL_SITES = "all_sites"

RATE = "rate_per_"

Place = tuple[str, str, str]


@dataclass(frozen=True)
class PoolSummary:
    """What was pooled: where it stands, the sites, rows pooled and refused, what differs."""

    folder: Path
    sites: tuple[str, ...]
    pooled: int
    refused: int
    differences: tuple[str, ...]
    results: pl.DataFrame

    def to_json(self) -> dict[str, Any]:
        """Return the summary as plain values."""
        return {
            "folder": str(self.folder),
            "sites": list(self.sites),
            "pooled": self.pooled,
            "refused": self.refused,
            "differences": list(self.differences),
        }


def pool_sites(paths: Sequence[Path], out: Path, rulebook: Rulebook) -> PoolSummary:
    """Combine shared results into ``out``: results.parquet, manifest.json and report.html.

    Errors: fewer than two sites, a site twice, no shared set, a folder that exists: UserError.
    """
    if out.exists():
        raise UserError(
            "a folder that does not exist yet",
            Found(f"{out.name} exists"),
            "choose another name for --out",
        )
    sites = read_sites(paths)
    rules = rulebook.get(POOLING_OF_SITES, PoolingOfSites)
    control = rulebook.get(DISCLOSURE_CONTROL, DisclosureControl)
    differences = find_common_differences(sites, rules.foundations)
    results = pool_results(sites, rules, control, differences)
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    results.write_parquet(partial / "results.parquet")
    manifest = _make_manifest(sites, rules, differences)
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    (partial / "manifest.json").write_text(text + "\n", encoding="utf-8")
    page = render_pooled_page(results, manifest)
    (partial / "report.html").write_text(page, encoding="utf-8")
    partial.rename(out)
    pooled = results.filter(pl.col("group") == ALL_SITES)
    refused = pooled.filter(pl.col("refused").is_not_null()).height
    names = tuple(site.name for site in sites)
    return PoolSummary(out, names, pooled.height - refused, refused, tuple(differences), results)


def pool_results(
    sites: Sequence[Site],
    rules: PoolingOfSites,
    control: DisclosureControl,
    differences: Sequence[str],
) -> pl.DataFrame:
    """Return the pooled rows (group ``all_sites``), then each site's own (group: its name).

    A row is pooled where the sites agree in its definition, text and version, and in all that rows
    rest on (``differences`` is empty); else it is refused and the difference named.
    """
    rows: list[Row] = []
    for analysis, group, variable in _list_places(sites):
        if group != control.group:
            continue
        rows += _pool_variable(sites, (analysis, group, variable), (rules, control, differences))
    is_all = pl.col("group") == control.group
    own = [
        site.results.with_columns(
            group=pl.when(is_all)
            .then(pl.lit(site.name))
            .otherwise(pl.lit(f"{site.name}:") + pl.col("group"))
        )
        for site in sites
    ]
    return pl.concat([make_results(rows), *own])


def _list_places(sites: Sequence[Site]) -> list[Place]:
    """List every analysis, group and variable of any site, each once, in order."""
    places: dict[Place, None] = {}
    for site in sites:
        for analysis, group, variable, _statistic in site.rows:
            places[analysis, group, variable] = None
    order = {name: n for n, name in enumerate(dict.fromkeys(place[0] for place in places))}
    return sorted(places, key=lambda place: order[place[0]])


def _pool_variable(
    sites: Sequence[Site],
    place: Place,
    asked: tuple[PoolingOfSites, DisclosureControl, Sequence[str]],
) -> Iterator[Row]:
    """Pool what the sites say of one variable, form by form."""
    rules, control, differences = asked
    found = [row for site in sites for key, row in site.rows.items() if key[:3] == place]
    statistics = list(dict.fromkeys(row["statistic"] for row in found))
    head = Row(
        analysis=place[0],
        group=ALL_SITES,
        variable=place[2],
        statistic="",
        definition_id=found[0]["definition_id"],
        definition_version=found[0]["definition_version"],
    )
    reason = differences[0] if differences else find_difference(sites, head.definition_id or "")
    if reason is not None:
        words = worded("the sites differ, so nothing is added: {difference}").format(
            difference=reason
        )
        yield replace(head, statistic=statistics[0], refused=words)
        return
    if "n" in statistics or "proportion_exact" in statistics:
        yield from _pool_counts(sites, place, head, rules)
    for statistic in statistics:
        scale = "ratio" if statistic.startswith(RATE) else control.scales.get(statistic)
        if scale is not None:
            yield from _pool_estimates(sites, (*place, statistic), head, (scale, rules.level))


def _pool_counts(
    sites: Sequence[Site], place: Place, head: Row, rules: PoolingOfSites
) -> Iterator[Row]:
    """Add a count, bound its share, pool its share. A share alone gives its count by its whole."""
    counts = []
    for site in sites:
        row = site.rows.get((*place, "n"))
        share = site.rows.get((*place, "proportion_exact"))
        if row is None and share is not None:
            of = share["n_evaluable"]
            value = None if share["value"] is None else share["value"] * of
            row = {"value": value, "n_evaluable": of}
        counts.append(read_count(site, row))
    yield pool_count(head, counts)
    yield bound_share(head, counts)
    yield from pool_share(head, counts, rules.level, rules.added_to_zero_cells)


def _pool_estimates(
    sites: Sequence[Site],
    key: tuple[str, str, str, str],
    head: Row,
    how: tuple[str, float],
) -> Iterator[Row]:
    """Pool an estimate or a rate by random effects, over the sites that give it.

    A rate that a site suppresses refuses the pooled one, since few events are why it does.
    """
    scale, level = how
    row = replace(head, statistic=key[3])
    if scale == "not_pooled":
        reason = worded("a posterior holds its prior: pooled, the prior would count once a site")
        yield replace(row, refused=reason)
        return
    given = [(site, site.rows[key]) for site in sites if key in site.rows]
    usable = [
        (site.name, found)
        for site, found in given
        if found["value"] is not None and found["low"] is not None and found["high"] is not None
    ]
    without = [site.name for site in sites if site.name not in {name for name, _row in usable}]
    if key[3].startswith(RATE) and without:
        reason = worded("suppressed at {sites}: few events are why").format(
            sites=", ".join(without)
        )
        yield replace(row, refused=reason)
        return
    if len(usable) < 2:
        reason = worded("fewer than two sites give an estimate with an interval")
        yield replace(row, refused=reason, n_evaluable=len(usable))
        return
    estimates = [
        read_on_line(found["value"], Interval(found["low"], found["high"]), found["level"], scale)
        for _name, found in usable
    ]
    yield from list_spread(row, [name for name, _row in usable], estimates, level, scale)


def _make_manifest(
    sites: Sequence[Site], rules: PoolingOfSites, differences: Sequence[str]
) -> dict[str, Any]:
    """Describe what was pooled: the sites with their versions and limits, and what differs."""
    return {
        "heliotrope": __version__,
        "pooled": datetime.now(UTC).isoformat(timespec="seconds"),
        "rules": {"id": rules.id, "version": rules.stamp, "sha256": rules.sha256},
        "differences": list(differences),
        "sites": [
            {
                "site": site.name,
                "shared": site.manifest.get("shared"),
                "heliotrope": site.manifest.get("heliotrope"),
                "synthetic": site.manifest.get("synthetic"),
                "rulebook_sha256": site.manifest.get("rulebook_sha256"),
                "results_sha256": site.manifest.get("results_sha256"),
                "limits": site.limits.model_dump(),
            }
            for site in sites
        ],
    }
