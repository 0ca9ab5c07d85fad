"""The shared sets of the sites: read, checked to be whole, and compared in what they rest on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from heliotrope.definitions.disclosure import DisclosureLimits
from heliotrope.errors import Found, UserError
from heliotrope.report.disclosure.share import MANIFEST_FILE, RESULTS_FILE

MADE_BY = "a folder that `heliotrope share RUN` wrote"


@dataclass(frozen=True)
class Site:
    """One site's shared set: its name, its manifest, its results, its limits."""

    name: str
    manifest: Mapping[str, Any]
    results: pl.DataFrame
    limits: DisclosureLimits

    @cached_property
    def rows(self) -> Mapping[tuple[str, str, str, str], Mapping[str, Any]]:
        """The rows by analysis, group, variable and statistic."""
        names = ("analysis", "group", "variable", "statistic")
        return {
            (row[names[0]], row[names[1]], row[names[2]], row[names[3]]): row
            for row in self.results.iter_rows(named=True)
        }

    @cached_property
    def definitions(self) -> Mapping[str, Mapping[str, Any]]:
        """The definitions that the site used, by id."""
        return {item["id"]: item for item in self.manifest.get("definitions", [])}

    def say_definition(self, definition_id: str) -> str:
        """Say which version of a definition the site used, and which text of it."""
        item = self.definitions.get(definition_id)
        if item is None:
            return "none"
        local = "+local" if item.get("local") else ""
        return f"{item['version']}{local} ({str(item['sha256'])[:8]})"


def read_sites(paths: Sequence[Path]) -> list[Site]:
    """Read the shared sets of two sites or more.

    A run folder stands for its ``share``. Errors: fewer than two; no shared set; results that are
    not those of the manifest; the same site or the same results twice: UserError.
    """
    sites = [_read_site(path) for path in paths]
    if len(sites) < 2:
        raise UserError(
            "the shared results of two sites or more",
            Found(f"{len(sites)}"),
            f"name {MADE_BY} for each site",
        )
    for what, of in (
        ("site", [site.name for site in sites]),
        ("results", [str(site.manifest.get("results_sha256")) for site in sites]),
    ):
        twice = [n for n, item in enumerate(of) if of.index(item) < n]
        if twice:
            raise UserError(
                f"each {what} once: a child may not count twice",
                Found(f"{sites[twice[0]].name} stands there twice"),
                "leave one of them out, or share with another --site",
            )
    return sites


def _read_site(path: Path) -> Site:
    folder = path / "share" if (path / "share" / MANIFEST_FILE).is_file() else path
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        content = (folder / RESULTS_FILE).read_bytes()
        limits = DisclosureLimits.model_validate(manifest["limits"])
        name = str(manifest["site"])
        results = pl.read_parquet(folder / RESULTS_FILE, glob=False)
    except (OSError, ValueError, KeyError, TypeError, ValidationError, pl.exceptions.PolarsError):
        raise UserError(
            MADE_BY,
            Found(f"no shared set in {folder.name}"),
            "run `heliotrope share RUN` at that site",
        ) from None
    if hashlib.sha256(content).hexdigest() != manifest.get("results_sha256"):
        raise UserError(
            f"the results that the manifest of {name} names by their hash",
            Found("other results", file=RESULTS_FILE),
            "ask that site to share again",
        )
    return Site(name, manifest, results, limits)


def find_common_differences(sites: Sequence[Site], foundations: Sequence[str]) -> list[str]:
    """Name what every result rests on and in which the sites differ; empty where all agree.

    The version of the program, the study's settings, and the definitions of the kinds that all
    rows rest on.
    """
    found = []
    for what in ("heliotrope", "settings"):
        values = _leave_out_equal([site.manifest.get(what) for site in sites])
        said = [json.dumps(value, sort_keys=True, ensure_ascii=False) for value in values]
        if len(set(said)) > 1:
            each = (f"{site.name} {text}" for site, text in zip(sites, said, strict=True))
            found.append(f"{what}: " + ", ".join(each))
    named = {
        name
        for site in sites
        for name, item in site.definitions.items()
        if item.get("kind") in foundations
    }
    for name in sorted(named):
        difference = find_difference(sites, name)
        if difference is not None:
            found.append(difference)
    return found


def _leave_out_equal(values: Sequence[Any]) -> Sequence[Any]:
    """Of settings that are tables keep the entries that differ, so that a reader sees which."""
    if not all(isinstance(value, dict) for value in values):
        return values
    differing = {
        key for one in values for key in one if any(one[key] != v.get(key) for v in values)
    }
    return [{key: one[key] for key in one if key in differing} for one in values]


def find_difference(sites: Sequence[Site], definition_id: str) -> str | None:
    """Say how the sites differ in a definition; None where they agree."""
    hashes = {site.definitions.get(definition_id, {}).get("sha256") for site in sites}
    if len(hashes) == 1 and None not in hashes:
        return None
    said = ", ".join(f"{site.name} {site.say_definition(definition_id)}" for site in sites)
    return f"{definition_id} differs: {said}"
