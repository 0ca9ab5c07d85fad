"""Lines of a table of estimates: what, how much, from how many, and what to keep in mind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from heliotrope.estimate.wording import NOT_ESTIMATED
from heliotrope.report.find_results import Results, Row
from heliotrope.report.language import _, later
from heliotrope.report.words import whole_sentence

DEFAULT_UNIT = later("children")


@dataclass(frozen=True)
class Estimate:
    """Which result row a line shows, under which name, and the remark beside it.

    ``unit``: what ``n_evaluable`` counts, in words.
    """

    name: str
    analysis: str
    variable: str
    statistic: str
    remark: str = ""
    group: str = "all"
    unit: str = DEFAULT_UNIT


@dataclass(frozen=True)
class EstimateLine:
    """A line as printed; refused: ``remark`` is the reason and ``shown`` says "not estimated"."""

    name: str
    shown: str
    n: str
    remark: str
    is_refused: bool


def list_estimates(results: Results, wanted: Iterable[Estimate]) -> Sequence[EstimateLine]:
    """List the estimates that the run made or refused; others leave no line."""
    found = (
        (each, results.row(each.analysis, each.variable, each.statistic, each.group))
        for each in wanted
    )
    return [_make_line(each, row) for each, row in found if row is not None]


def fold_refusals(lines: Sequence[EstimateLine]) -> Sequence[EstimateLine]:
    """Put what was refused for one and the same reason into one line, below what was estimated."""
    given = [line for line in lines if not line.is_refused]
    reasons = dict.fromkeys(line.remark for line in lines if line.is_refused)
    folded = [
        EstimateLine(
            name="; ".join(line.name for line in lines if line.remark == reason),
            shown=_(NOT_ESTIMATED),
            n="",
            remark=reason,
            is_refused=True,
        )
        for reason in reasons
    ]
    return [*given, *folded]


def _make_line(wanted: Estimate, row: Row) -> EstimateLine:
    refused = row["refused"]
    n = row["n_evaluable"]
    return EstimateLine(
        name=_(wanted.name),
        shown=_(NOT_ESTIMATED) if refused else say_interval(str(row["formatted"])),
        n="" if n is None or refused else f"{n:,} {_(wanted.unit)}",
        remark=whole_sentence(refused) if refused else _(wanted.remark),
        is_refused=refused is not None,
    )


def say_interval(formatted: str) -> str:
    """Write minus signs and ranges as they are printed.

    >>> say_interval("-0.36 (-0.78 to 0.06)"), say_interval("12/22 (55 %; 32-76)")
    ('−0.36 (−0.78 to 0.06)', '12/22 (55 %; 32–76)')
    """
    characters = []
    for place, character in enumerate(formatted):
        before = formatted[place - 1] if place else " "
        after = formatted[place + 1 : place + 2]
        if character != "-" or not after.isdigit():
            characters.append(character)
        else:
            characters.append("–" if before.isdigit() else "−")
    return "".join(characters)
