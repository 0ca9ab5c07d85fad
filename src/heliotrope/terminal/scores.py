"""The calculator in a terminal: what it is given there, and how its answer is read there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.ingest.score_columns import ScoreTableOptions
from heliotrope.ingest.score_source import read_named_values
from heliotrope.scoring.calculator import score_file, score_text, score_values
from heliotrope.scoring.report import ComponentPoints, PatientScore, PatientState, ScoreReport

STANDARD_INPUT = "-"
MOST_STEPS = 3

STATE_COLOURS = {"met": "green", "not_met": "red", "not_evaluable": "yellow"}

# More scores than this are printed a line each.
MOST_IN_FULL = 12


def score_given(
    table: Path | None, baseline: str | None, followups: Sequence[str], options: ScoreTableOptions
) -> ScoreReport:
    """Score what the command line names: a file, ``-`` for pasted text, or values one by one.

    Errors: nothing named, or a table and values both: UserError.
    """
    is_named = baseline is not None or bool(followups)
    if (table is not None) == is_named:
        raise UserError(
            "a FILE, - for a pasted table, or --baseline and --followup",
            Found("both" if is_named else "none of them"),
            "name one of them, e.g. heliotrope score visits.csv",
            ExitCode.USAGE,
        )
    if table is None:
        before = {} if baseline is None else read_named_values("--baseline", baseline)
        after = [read_named_values("--followup", text) for text in followups]
        return score_values(before, after, options=options)
    if str(table) == STANDARD_INPUT:
        return score_text(sys.stdin.read(), options=options)
    if not table.is_file():
        raise UserError(
            "a CSV file or a workbook",
            Found("a folder" if table.is_dir() else "no such file", table.name),
            "correct the path; a pasted table is read with -",
            ExitCode.USAGE,
        )
    return score_file(table, options=options)


def print_scores(report: ScoreReport) -> None:
    """Print every score with its parts, then the states, then how the table was read."""
    console = Console(highlight=False)
    in_full = len(report.scores) <= MOST_IN_FULL
    if not report.scores:
        console.print("No visit could be scored: none follows a baseline.")
    for score in report.scores:
        console.print(_title(score))
        if in_full:
            console.print(Padding(_draw_components(score.components), (0, 0, 0, 2), expand=False))
        for line in [*_verdict(score), *(_describe_next(score) if in_full else [])]:
            console.print(Padding(line, (0, 0, 0, 2), expand=False))
        if in_full:
            console.print()
    if report.states:
        console.print(Text("Activity states", style="bold"))
    for state in report.states:
        for line in _describe_state(state):
            console.print(Padding(line, (0, 0, 0, 2), expand=False))
    if report.notes:
        console.print(Text("\nHow the table was read", style="bold"))
    for note in report.notes:
        console.print(Padding(Text(note), (0, 0, 0, 2), expand=False))


def _title(score: PatientScore) -> Text:
    title = Text(f"Patient {score.patient}, {score.timepoint}: ", style="bold")
    return title.append(f"{score.title} ({score.definition_id})", style="not bold")


def _draw_components(components: tuple[ComponentPoints, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("measure")
    for name in ("baseline", "now", "improved", "points"):
        table.add_column(name, justify="right", no_wrap=True)
    for item in components:
        change = "" if item.percent_change is None else f"{item.percent_change:.1f} %"
        points = (
            f"? of {item.maximum:g}"
            if item.points is None
            else f"{item.points:g} of {item.maximum:g}"
        )
        table.add_row(
            Text(item.title), _number(item.baseline), _number(item.follow_up), change, points
        )
    return table


def _verdict(score: PatientScore) -> list[Text]:
    """Say score or bounds, category, and why it is open."""
    bounds = (
        f"{score.score_lower:g}"
        if score.score_lower == score.score_upper
        else f"{score.score_lower:g} to {score.score_upper:g}"
    )
    line = Text(f"Score {bounds}: ").append(_words(score.category), style="bold")
    if score.category == "indeterminate":
        line.append(f" ({score.category_lower} to {score.category_upper})")
    lines = [line]
    if not score.has_ceiling:
        lines.append(Text(f"Attainable from this baseline: {score.score_max_attainable:g}"))
    if score.has_ceiling:
        lines.append(
            Text(
                f"At most {score.score_max_attainable:g} points could be reached from this "
                "baseline: even the first degree is out of reach."
            )
        )
    lines += [Text(f"Open: {reason}") for reason in score.because]
    if score.flags:
        lines.append(Text(f"Flags: {', '.join(score.flags)}"))
    lines += [Text(f"Caution: {caution}") for caution in score.cautions]
    return lines


def _describe_next(score: PatientScore) -> list[Text]:
    """Say how much is missing for the next degree, and the smallest changes that give points."""
    following = score.next_category
    if following is None:
        return []
    said = (
        f"Next degree: {_words(following.name)} from {following.at_least:g} points, "
        f"{following.points_missing:g} more"
    )
    if score.has_ceiling:
        return [Text(said)]
    if not following.is_attainable:
        reach = f"; not in reach: at most {score.score_max_attainable:g} from this baseline"
        return [Text(f"{said}{reach}")]
    return [Text(said), *(Text(f"  {step}") for step in _describe_steps(score.components))]


def _describe_steps(components: tuple[ComponentPoints, ...]) -> list[str]:
    """Say the smallest change of each measure that gives points, the largest gain first."""
    steps = [
        (
            -item.next_band.gain,
            f"{item.title} ({item.measure}) {'under' if item.next_band.is_low_better else 'over'} "
            f"{item.next_band.value:g}{_unit(item.unit)}: {item.next_band.gain:g} points more",
        )
        for item in components
        if item.next_band is not None
    ]
    return [text for _, text in sorted(steps)][:MOST_STEPS]


def _unit(unit: str | None) -> str:
    return "" if unit in (None, "none") else f" {unit}"


def _describe_state(item: PatientState) -> list[Text]:
    head = Text(f"Patient {item.patient}, {item.timepoint}: {item.title}: ")
    head.append(_words(item.state), style=STATE_COLOURS.get(item.state, "default"))
    if item.label is not None:
        head.append(f" ({_words(item.label)})")
    return [head, *(Text(f"  {reason}") for reason in item.because)]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _words(name: str) -> str:
    return name.replace("_", " ")
