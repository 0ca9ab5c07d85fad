"""The ways of analysing a cohort that are compared: what is seen, and how the start is treated."""

from __future__ import annotations

from dataclasses import dataclass

from heliotrope.definitions.pulse_model import StartRule
from heliotrope.simulate.known_truth.charts import View

WINDOW_DAYS = 60


@dataclass(frozen=True)
class Analysis:
    """One candidate: what it sees, and how it treats the start.

    ``reads_observed``: the hazard of starting reads the rating of the visit beside the latent
    activity. ``corrects_for_starting``: only starters are seen, and the likelihood is divided by
    the chance that a child like this one starts at all.
    """

    name: str
    view: View
    start_rule: StartRule
    reads_observed: bool = False
    corrects_for_starting: bool = False


_WINDOW = View(has_never_started=False, days_before=WINDOW_DAYS)
_STARTERS = View(has_never_started=False)
_STARTERS_FROM_VISIT = View(has_never_started=False, origin="first_visit")
_EVERYONE = View(origin="first_visit")

ANALYSES = (
    Analysis("window, none", _WINDOW, "none"),
    Analysis("window, two-sided kappa", _WINDOW, "two_sided_kappa"),
    Analysis("starters' history, none", _STARTERS, "none"),
    Analysis("starters' history, two-sided kappa", _STARTERS, "two_sided_kappa"),
    Analysis("starters' history, hazard", _STARTERS_FROM_VISIT, "hazard"),
    Analysis(
        "starters' history, hazard, corrected",
        _STARTERS_FROM_VISIT,
        "hazard",
        reads_observed=True,
        corrects_for_starting=True,
    ),
    Analysis("everyone's history, none", _EVERYONE, "none"),
    Analysis("everyone's history, hazard on activity", _EVERYONE, "hazard"),
    Analysis("everyone's history, hazard of both", _EVERYONE, "hazard", reads_observed=True),
)


def find_analysis(name: str) -> Analysis:
    """Return an analysis by its name."""
    return next(analysis for analysis in ANALYSES if analysis.name == name)
