"""The calculator's scores and states as a person reads them in a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from heliotrope.score_report import ComponentPoints, PatientScore, PatientState, ScoreReport

STATE_COLOURS = {"met": "green", "not_met": "red", "not_evaluable": "yellow"}

# More scores than this are printed a line each.
MOST_IN_FULL = 12


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
        for line in _verdict(score):
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
        line.append(f" ({score.category_lower} or {score.category_upper})")
    lines = [line]
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
    return lines


def _describe_state(item: PatientState) -> list[Text]:
    head = Text(f"Patient {item.patient}, {item.timepoint}: {item.title}: ")
    head.append(_words(item.state), style=STATE_COLOURS.get(item.state, "default"))
    return [head, *(Text(f"  {reason}") for reason in item.because)]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _words(name: str) -> str:
    return name.replace("_", " ")
