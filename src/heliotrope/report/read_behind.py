"""Who stands behind each number of the report: every child in a line, and in which counts it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from heliotrope.report.find_results import Results
from heliotrope.report.read_run import RunTables

AXES = {
    "responded": "responded",
    "response_pattern": "pattern",
    "onset": "onset",
    "durability": "durability",
    "steroid_effect": "steroid_effect",
}
"""The analyses that count words of the response, and the column that holds the word."""
WORSE, HARMED = "aggravation", "children_with_reaction"
ANY_OCCASION = "any_occasion"

Group = tuple[str, str]


@dataclass(frozen=True)
class ChildLine:
    """A child by its first regimen; ``groups`` are the counts (analysis, variable) it stands in."""

    patient_id: str
    response: Mapping[str, Any]
    worse_after_days: Sequence[int | None]
    occasions: int
    groups: Sequence[Group]

    @property
    def keys(self) -> str:
        """The groups as one attribute that a script can look into."""
        return " ".join(map(name_group, self.groups))


@dataclass(frozen=True)
class Behind:
    """Every treated child in a line; none where they are too many to be listed."""

    lines: Sequence[ChildLine]
    counts: Mapping[Group, Sequence[str]]

    def name(self, results: Results, analysis: str, variable: str) -> str:
        """Name the list of children behind a count; empty where no list is as long as the count.

        A link must not lead to other children than those counted: where a local definition counts
        in its own way there is no link.
        """
        listed = len(self.counts.get((analysis, variable), ()))
        counted = results.count(analysis, variable)
        counted = results.share(analysis, variable).count if counted is None else counted
        is_same = listed > 0 and listed == counted
        return name_group((analysis, variable)) if is_same else ""


def name_group(group: Group) -> str:
    """Write a group as a word that can stand in an address.

    >>> name_group(("response_pattern", "rapid"))
    'response_pattern-rapid'
    """
    return "-".join("".join(c if c.isalnum() or c == "_" else "_" for c in part) for part in group)


def read_behind(run: RunTables, window: str, most: int) -> Behind:
    """Read every treated child's line; ``window`` names the headlined share that worsened.

    A child counts once, by its first regimen, as in the headline. Events outside every window of
    attribution are not counted. More than ``most`` children: no line at all.
    """
    responses = run.scan_table("response").sort("patient_id", "regimen").collect()
    first = responses.unique("patient_id", keep="first", maintain_order=True)
    if first.height > most:
        return Behind((), {})
    worse = _gather_worsening(run)
    occasions = _count_occasions(run)
    lines = [
        _make_line(response, worse.get(response["patient_id"], []), occasions, window)
        for response in first.iter_rows(named=True)
    ]
    counts: dict[Group, list[str]] = {}
    for line in lines:
        for group in line.groups:
            counts.setdefault(group, []).append(line.patient_id)
    return Behind(lines, counts)


def _gather_worsening(run: RunTables) -> Mapping[str, list[tuple[int, int | None]]]:
    found = run.scan_table("aggravation").filter(pl.col("state") == "met").sort("regimen").collect()
    gathered: dict[str, list[tuple[int, int | None]]] = {}
    for row in found.iter_rows(named=True):
        gathered.setdefault(row["patient_id"], []).append(
            (row["regimen"], row["days_after_last_infusion"])
        )
    return gathered


def _count_occasions(run: RunTables) -> Mapping[str, int]:
    is_counted = (pl.col("window") != "outside") & pl.col("regimen").is_not_null()
    occasion = pl.coalesce(pl.col("group").cast(pl.Int64), pl.col("row_id"))
    counted = (
        run.scan_table("reaction")
        .filter(is_counted)
        .group_by("patient_id")
        .agg(occasion.n_unique())
        .collect()
    )
    return dict(counted.iter_rows())


def _make_line(
    response: Mapping[str, Any],
    worse: Sequence[tuple[int, int | None]],
    occasions: Mapping[str, int],
    window: str,
) -> ChildLine:
    groups = [(axis, response[column]) for axis, column in AXES.items() if response[column]]
    if any(regimen == response["regimen"] for regimen, _ in worse):
        groups.append((WORSE, window))
    count = occasions.get(response["patient_id"], 0)
    if count:
        groups.append((HARMED, ANY_OCCASION))
    return ChildLine(
        patient_id=response["patient_id"],
        response=response,
        worse_after_days=[days for _, days in worse],
        occasions=count,
        groups=groups,
    )
