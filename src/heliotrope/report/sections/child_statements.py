"""What is said of a child's regimen in words: one statement an axis, with its because."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.estimate.intervals import estimate_upper_bound_of_none
from heliotrope.estimate.wording import number
from heliotrope.report.explanation import Cell
from heliotrope.report.language import _, later, ngettext
from heliotrope.report.looked_at import say_what_was_looked_at
from heliotrope.report.read_child import Child
from heliotrope.report.words import say, say_flag, whole_sentence

Row = Mapping[str, Any]
SHOWN_CELLS = 8
PREMEDICATION = "caveat_premedication_unrecorded"
CONFOUNDING, DURABILITY = later("Another explanation?"), later("Held or lost?")
IMPROVED, STEROID, STOPPED, HARM = (
    later("Did the child improve?"),
    later("Steroid dose?"),
    later("After stopping?"),
    later("Harm?"),
)


@dataclass(frozen=True)
class Evidence:
    """The cells that decided, by the question they answer; the level of intervals; the rules."""

    cells: Mapping[str, Sequence[Cell]]
    level: float
    rulebook: Rulebook


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
        _state_improvement(child, response, evidence.rulebook),
        _state_onset(response),
        _state_confounding(child, response),
        _state_durability(response),
        _state_steroid(child, response),
        *_state_after_stopping(child, regimen),
        _state_harm(child, regimen, evidence.level),
    ]
    return [
        replace(
            statement,
            cells=evidence.cells.get(statement.question, ())[:SHOWN_CELLS],
        )
        for statement in statements
    ]


def _state_indication(child: Child, regimen: int) -> Statement:
    rows = child.table("indication").filter(pl.col("regimen") == regimen).to_dicts()
    if not rows:
        return Statement(later("Why IVIG was started"), _("Not recorded"), "")
    row = rows[0]
    recorded = [say("indication", reason) for reason in row["recorded"]]
    derived = [say("indication", reason) for reason in row["derived"]]
    agreement = {True: _("The two agree."), False: _("The two differ."), None: ""}[row["agree"]]
    shown = _("The records show: {reasons}.").format(
        reasons="; ".join(derived).lower() or _("no indication of the list")
    )
    return Statement(
        later("Why IVIG was started"),
        "; ".join(recorded) or _("No reason recorded"),
        f"{shown} {agreement}".strip(),
    )


def _state_improvement(child: Child, response: Row, rulebook: Rulebook) -> Statement:
    if response["responded"] == "no":
        because = say_what_was_looked_at(child, rulebook, response)
        return Statement(IMPROVED, _("Improvement not shown in these records."), because)
    visits = child.table("visit").filter(pl.col("regimen") == response["regimen"])
    on_regimen = visits.filter(pl.col("is_on_regimen"))
    states = on_regimen["state"].to_list()
    evaluable = sum(state in ("met", "not_met") for state in states)
    text = ngettext(
        "Improved at {n} of {total} evaluable visit on IVIG",
        "Improved at {n} of {total} evaluable visits on IVIG",
        evaluable,
    )
    because = text.format(n=states.count("met"), total=evaluable)
    if response["evidence_tier"]:
        tier = response["evidence_tier"]
        because += _("; first by tier {tier} ({words})").format(tier=tier, words=say("tier", tier))
    if response["reason"]:
        because += f"; {say('response_reason', response['reason'])}"
    flags = ", ".join(say_flag(flag) for flag in response["flags"])
    because += _("; flags: {flags}").format(flags=flags) if flags else ""
    answer = _("{responded}. Pattern: {pattern}.")
    return Statement(
        IMPROVED,
        answer.format(
            responded=say("responded", response["responded"]),
            pattern=say("pattern", response["pattern"]).lower(),
        ),
        whole_sentence(because),
    )


def _state_onset(response: Row) -> Statement:
    by, after = response["onset_by_day"], response["onset_after_day"]
    because = ""
    if by is not None:
        text = _("Not improved up to day {after}, improved on day {by}: it began in between.")
        because = text.format(after=after or 0, by=by)
    elif after is not None:
        because = _("Last evaluable day: {day}.").format(day=after)
    return Statement(later("How fast?"), whole_sentence(say("onset", response["onset"])), because)


def _state_confounding(child: Child, response: Row) -> Statement:
    """Say whether another treatment could explain the improvement, and what was looked at."""
    if response["confounded"]:
        causes = ", ".join(say_flag(cause) for cause in response["confounded_by"])
        return Statement(CONFOUNDING, _("Yes: confounded."), whole_sentence(causes))
    is_open = response["onset_by_day"] is None and response["onset"] != "never"
    if response["confounded"] is None or is_open:
        return Statement(CONFOUNDING, _("Cannot be evaluated."), "")
    if response["onset_by_day"] is None:
        said = _("Does not apply: there is no improvement to explain.")
        return Statement(CONFOUNDING, said, "")
    if child.record("medication").height == 0:
        said = _("Cannot be judged: no drug is recorded at all.")
        return Statement(CONFOUNDING, said, "")
    because = [
        _("No steroid or other drug was started or raised in the windows before the improvement.")
    ]
    if PREMEDICATION in response["flags"]:
        because.append(_("Premedication is not recorded: a steroid in it would be one."))
    return Statement(CONFOUNDING, _("No other explanation is recorded."), " ".join(because))


def _state_durability(response: Row) -> Statement:
    courses = response["responded_courses"]
    text = _("Last improved visit in course {n} of {total}.")
    because = text.format(n=courses, total=response["courses"]) if courses else ""
    return Statement(DURABILITY, whole_sentence(say("durability", response["durability"])), because)


def _state_steroid(child: Child, response: Row) -> Statement:
    """Name the recorded dose on the day before the first infusion and on the last one."""
    doses = [
        _dose_on(child, pl.col("start_date") < response["first_infusion"], _("before IVIG")),
        _dose_on(
            child, pl.col("start_date") <= response["last_infusion"], _("on the last infusion day")
        ),
    ]
    because = "; ".join(filter(None, doses))
    return Statement(
        STEROID,
        whole_sentence(say("steroid_effect", response["steroid_effect"])),
        whole_sentence(because),
    )


def _dose_on(child: Child, is_before: pl.Expr, when: str) -> str:
    periods = child.table("steroid_period").filter(is_before).sort("start_date").to_dicts()
    if not periods:
        return ""
    last = periods[-1]
    per_kg, per_day = last["prednisone_mg_kg_day"], last["prednisone_mg_day"]
    if per_kg is not None:
        text = _("{when} {dose} mg/kg/day (period from {date})")
        return text.format(when=when, dose=f"{per_kg:.2g}", date=last["start_date"])
    text = _("{when} {dose} mg/day, weight missing")
    return text.format(when=when, dose=f"{per_day:.3g}") if per_day is not None else ""


def _state_after_stopping(child: Child, regimen: int) -> Sequence[Statement]:
    rows = child.table("aggravation").filter(pl.col("regimen") == regimen).to_dicts()
    statements = []
    for row in rows:
        because = []
        if row["days_after_last_infusion"] is not None:
            text = _("{n} days after the last infusion")
            because.append(text.format(n=row["days_after_last_infusion"]))
        if row["limb"]:
            because.append(_("by {limb}").format(limb=say("limb", row["limb"])))
        if row["reason"]:
            because.append(say("response_reason", row["reason"]))
        statements.append(
            Statement(
                STOPPED,
                whole_sentence(say("aggravation", row["state"])),
                whole_sentence(", ".join(because)),
            )
        )
    return statements


def _state_harm(child: Child, regimen: int, level: float) -> Statement:
    reactions = child.table("reaction").filter(
        (pl.col("regimen") == regimen) & (pl.col("window") != "outside")
    )
    days = child.table("infusion_day").filter(pl.col("regimen") == regimen).height
    if reactions.height == 0:
        bound = estimate_upper_bound_of_none(days, level)
        return Statement(
            HARM,
            _(
                "No reaction recorded in {n} infusions (upper {level} % bound {bound} per 100)."
            ).format(n=number(days), level=number(100 * level), bound=number(100 * bound)),
            "",
        )
    named = [_name_reaction(row) for row in reactions.sort("date").iter_rows(named=True)]
    occasions = reactions.select("group").n_unique()
    said = ngettext(
        "{n} occasion in {infusions} infusions", "{n} occasions in {infusions} infusions", occasions
    )
    return Statement(
        HARM,
        whole_sentence(said.format(n=occasions, infusions=days)),
        whole_sentence("; ".join(named)),
    )


def _name_reaction(row: Row) -> str:
    named = str(row["term"])
    if row["grade"] is not None:
        named = _("{term} grade {n}").format(term=named, n=row["grade"])
    if row["transient"] == "met":
        named = _("{term} (transient)").format(term=named)
    return _("{term} on {date}").format(term=named, date=row["date"])
