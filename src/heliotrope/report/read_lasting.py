"""What the pulse model says of a lasting effect, and what that rests on, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliotrope.report.estimate_lines import (
    Estimate,
    EstimateLine,
    fold_refusals,
    list_estimates,
    say_interval,
)
from heliotrope.report.find_results import Results
from heliotrope.report.language import _, later
from heliotrope.report.read_pulse_model import MODEL, POSTERIOR, find_anchor, list_figures
from heliotrope.report.words import say_flag

PROBABILITY = "posterior_probability"
CHANCE = "lasting_effect_above_important_difference"
EFFECT = "persistent_effect"
TIPPING = "tipping_drift"
AFTER_STOPPING = "activity_180_days_after_stopping"
FADES = "persistent_half_life_"

NOT_MODELLED = later(
    "IVIG is started when activity is high and activity then falls by itself: a lasting effect is "
    "the figure that suffers most from that. The start is not part of the model here, so no "
    "lasting effect is given. The drift says how fast activity would have to fall by itself to "
    "explain what treated children alone seem to keep."
)

ASSUMED = later(
    "It assumes that every child in the records could have been given IVIG, that the decision read "
    "nothing else that tells of the activity, that the records begin on a day that activity did "
    "not choose, and that illness without IVIG goes up and down around a level and a straight "
    "drift of each child's own. None of this can be seen in the records."
)


@dataclass(frozen=True)
class LastingAnswer:
    """The probability that what lasts is important, as printed, and what stands beside it.

    ``effect``: the effect itself, in points of the anchor.
    ``fading``: how it is said, and the probability, of an effect that is lost again. ``drift``:
    what would explain the effect away, in points of the anchor in 180 days. ``unit``: the anchor.
    """

    chance: str
    effect: str
    fading: Sequence[tuple[str, str]]
    drift: str
    unit: str


def read_lasting(results: Results) -> LastingAnswer | None:
    """Read the answer; None where it was refused or the model not fitted."""
    chance = results.row(MODEL, CHANCE, PROBABILITY)
    effect, drift = (results.row(MODEL, each, POSTERIOR) for each in (EFFECT, TIPPING))
    if chance is None or effect is None or drift is None:
        return None
    if chance["refused"] or effect["refused"] or drift["refused"]:
        return None
    fading = []
    for variable in _list_fading(results, CHANCE):
        row = results.row(MODEL, variable, PROBABILITY)
        if row is not None and not row["refused"]:
            fading.append((_say_fading(variable), str(row["formatted"])))
    return LastingAnswer(
        chance=str(chance["formatted"]),
        effect=say_interval(str(effect["formatted"])),
        fading=fading,
        drift=say_interval(str(drift["formatted"])),
        unit=say_flag(find_anchor(results)),
    )


def list_lasting(results: Results) -> Sequence[EstimateLine]:
    """List what would last, its probability and the drift that would explain it."""
    effects = {EFFECT: _("Effect that outlasts the pulses, points of the anchoring measure")}
    for variable in _list_fading(results, EFFECT):
        effects[variable] = _("The same, {variable}").format(variable=_say_fading(variable))
    effects[AFTER_STOPPING] = _("Change expected 180 days after stopping, the same points")
    chances = {CHANCE: _("Probability that the lasting effect is above the important difference")}
    for variable in _list_fading(results, CHANCE):
        chances[variable] = _("The same, {variable}").format(variable=_say_fading(variable))
    drift = {TIPPING: _("Drift in 180 days that would explain a lasting effect away")}
    return fold_refusals(
        [
            *list_figures(results, effects.items()),
            *list_estimates(
                results,
                [Estimate(name, MODEL, each, PROBABILITY) for each, name in chances.items()],
            ),
            *list_figures(results, drift.items()),
        ]
    )


def say_start(results: Results) -> str | None:
    """Say how the model treats the start of IVIG, what that rests on, and what it assumes."""
    if not find_anchor(results):
        return None
    if results.count(MODEL, "start_rule:hazard") is None:
        return _(NOT_MODELLED)
    started, not_started = (
        results.count(MODEL, f"children:{name}") or 0 for name in ("started_at_risk", "not_started")
    )
    visits = results.count(MODEL, "visits:at_risk") or 0
    a_child = results.row(MODEL, "visits:at_risk", "per_child")
    mean = (
        ""
        if a_child is None
        else _(" ({formatted} a child)").format(formatted=a_child["formatted"])
    )
    return _(
        "IVIG is started when activity is high and activity then falls by itself. Here "
        "the start is part of the model: at each visit at risk its chance reads the "
        "last {value} and the activity behind all measures. That rests on "
        "{not_started:,} children who did not start, {started:,} who did, and their "
        "{visits:,} rated visits up to a start{mean}. {assumed}"
    ).format(
        value=say_flag(find_anchor(results)),
        not_started=not_started,
        started=started,
        visits=visits,
        mean=mean,
        assumed=_(ASSUMED),
    )


def _list_fading(results: Results, variable: str) -> list[str]:
    start = f"{variable}:{FADES}"
    return [each for each in results.variables(MODEL) if each.startswith(start)]


def _say_fading(variable: str) -> str:
    """Say how fast what was gained is lost.

    >>> _say_fading("persistent_effect:persistent_half_life_180_days")
    'were half of it lost every 180 days'
    """
    days = variable.partition(FADES)[2].removesuffix("_days")
    return _("were half of it lost every {days} days").format(days=days)
