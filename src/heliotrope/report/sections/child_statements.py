"""What is said of a child's regimen in words: one statement an axis, with its because."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from heliotrope.estimate.intervals import estimate_upper_bound_of_none
from heliotrope.estimate.wording import none_recorded
from heliotrope.report.explanation import Cell
from heliotrope.report.read_child import Child
from heliotrope.report.words import count_of, say, say_flag, sentence

Row = Mapping[str, Any]
SHOWN_CELLS = 8
IMPROVED, STEROID, STOPPED, HARM = (
    "Did the child improve?",
    "Steroid dose?",
    "After stopping?",
    "Harm?",
)


@dataclass(frozen=True)
class Evidence:
    """The cells that decided, by the question they answer; the level of every interval."""

    cells: Mapping[str, Sequence[Cell]]
    level: float


@dataclass(frozen=True)
class Statement:
    """A question, its answer and what the answer rests on."""

    question: str
    answer: str
    because: str
    cells: Sequence[Cell] = ()


def list_statements(child: Child, response: Row, evidence: Evidence) -> Sequence[Statement]:
    """List the statements about one regimen in the order in which a clinician asks."""
    regimen = response["regimen"]
    statements = [
        _state_indication(child, regimen),
        _state_improvement(child, response),
        _state_onset(response),
        _state_confounding(response),
        _state_durability(response),
        _state_steroid(child, response),
        *_state_after_stopping(child, regimen),
        _state_harm(child, regimen, evidence.level),
    ]
    return [
        replace(statement, cells=evidence.cells.get(statement.question, ())[:SHOWN_CELLS])
        for statement in statements
    ]


def _state_indication(child: Child, regimen: int) -> Statement:
    rows = child.table("indication").filter(pl.col("regimen") == regimen).to_dicts()
    if not rows:
        return Statement("Why IVIG was started", "Not recorded", "")
    row = rows[0]
    recorded = [say("indication", reason) for reason in row["recorded"]]
    derived = [say("indication", reason) for reason in row["derived"]]
    agreement = {True: "The two agree.", False: "The two differ.", None: ""}[row["agree"]]
    return Statement(
        "Why IVIG was started",
        "; ".join(recorded) or "No reason recorded",
        f"The records show: {'; '.join(derived).lower() or 'no indication of the list'}. "
        f"{agreement}".strip(),
    )


def _state_improvement(child: Child, response: Row) -> Statement:
    visits = child.table("visit").filter(pl.col("regimen") == response["regimen"])
    on_regimen = visits.filter(pl.col("is_on_regimen"))
    states = on_regimen["state"].to_list()
    evaluable = sum(state in ("met", "not_met") for state in states)
    because = (
        f"Improved at {states.count('met')} of {count_of(evaluable, 'evaluable visit')} on IVIG"
    )
    if response["evidence_tier"]:
        tier = response["evidence_tier"]
        because += f"; first by tier {tier} ({say('tier', tier)})"
    if response["reason"]:
        because += f"; {say('response_reason', response['reason'])}"
    flags = ", ".join(say_flag(flag) for flag in response["flags"])
    because += f"; flags: {flags}." if flags else "."
    answer = f"{say('responded', response['responded'])}. Pattern: "
    return Statement(
        IMPROVED,
        answer + say("pattern", response["pattern"]).lower() + ".",
        because,
    )


def _state_onset(response: Row) -> Statement:
    by, after = response["onset_by_day"], response["onset_after_day"]
    because = ""
    if by is not None:
        because = f"Not improved up to day {after or 0}, improved on day {by}: it began in between."
    elif after is not None:
        because = f"Last evaluable day: {after}."
    return Statement("How fast?", say("onset", response["onset"]) + ".", because)


def _state_confounding(response: Row) -> Statement:
    causes = ", ".join(say_flag(cause) for cause in response["confounded_by"])
    if response["confounded"]:
        return Statement("Another explanation?", "Yes: confounded.", f"{sentence(causes)}.")
    if response["confounded"] is None:
        return Statement("Another explanation?", "Cannot be evaluated.", "")
    return Statement(
        "Another explanation?",
        "None recorded.",
        "No steroid or other drug was started or raised in the windows before the improvement."
        if response["onset_by_day"] is not None
        else "",
    )


def _state_durability(response: Row) -> Statement:
    courses = response["responded_courses"]
    because = (
        f"Last improved visit in course {courses} of {response['courses']}." if courses else ""
    )
    return Statement("Held or lost?", say("durability", response["durability"]) + ".", because)


def _state_steroid(child: Child, response: Row) -> Statement:
    """Name the recorded dose on the day before the first infusion and on the last one."""
    doses = [
        _dose_on(child, pl.col("start_date") < response["first_infusion"], "before IVIG"),
        _dose_on(
            child, pl.col("start_date") <= response["last_infusion"], "on the last infusion day"
        ),
    ]
    because = "; ".join(filter(None, doses))
    return Statement(
        STEROID,
        say("steroid_effect", response["steroid_effect"]) + ".",
        f"{sentence(because)}." if because else "",
    )


def _dose_on(child: Child, is_before: pl.Expr, when: str) -> str:
    periods = child.table("steroid_period").filter(is_before).sort("start_date").to_dicts()
    if not periods:
        return ""
    last = periods[-1]
    per_kg, per_day = last["prednisone_mg_kg_day"], last["prednisone_mg_day"]
    if per_kg is not None:
        return f"{when} {per_kg:.2g} mg/kg/day (period from {last['start_date']})"
    return f"{when} {per_day:.3g} mg/day, weight missing" if per_day is not None else ""


def _state_after_stopping(child: Child, regimen: int) -> Sequence[Statement]:
    rows = child.table("aggravation").filter(pl.col("regimen") == regimen).to_dicts()
    statements = []
    for row in rows:
        because = []
        if row["days_after_last_infusion"] is not None:
            because.append(f"{row['days_after_last_infusion']} days after the last infusion")
        if row["limb"]:
            because.append(f"by {say('limb', row['limb'])}")
        if row["reason"]:
            because.append(say("response_reason", row["reason"]))
        statements.append(
            Statement(
                STOPPED,
                say("aggravation", row["state"]) + ".",
                f"{sentence(', '.join(because))}." if because else "",
            )
        )
    return statements


def _state_harm(child: Child, regimen: int, level: float) -> Statement:
    reactions = child.table("reaction").filter(
        (pl.col("regimen") == regimen) & (pl.col("window") != "outside")
    )
    days = child.table("infusion_day").filter(pl.col("regimen") == regimen).height
    infusions = count_of(days, "infusion")
    if reactions.height == 0:
        bound = estimate_upper_bound_of_none(days, level)
        return Statement(HARM, f"{none_recorded(days, 'infusions', bound, level)}.", "")
    named = [
        f"{row['term']}"
        + ("" if row["grade"] is None else f" grade {row['grade']}")
        + (" (transient)" if row["transient"] == "met" else "")
        + f" on {row['date']}"
        for row in reactions.sort("date").iter_rows(named=True)
    ]
    occasions = reactions.select("group").n_unique()
    return Statement(
        HARM,
        f"{count_of(occasions, 'occasion')} in {infusions}.",
        f"{sentence('; '.join(named))}.",
    )
