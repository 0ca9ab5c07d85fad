"""Does the model fit these records: what is said beside its figures where it does not.

Three looks. How well each child is foretold by the others (``leave_one_out``). Whether children
were seen sooner or later after a worse visit (``visits_by_activity``). Whether the records speak
for another convention than the model's own, by the ratio of their evidence (Laplace): an effect
that fades, or that does not grow in proportion to the dose. A look that finds something leaves a
row ``warning`` whose wording the report prints beside the figures.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from heliotrope.definitions.pulse_model import Seen
from heliotrope.estimate.pulse.answer import Answer
from heliotrope.estimate.pulse.children import ChildEffects
from heliotrope.estimate.pulse.leave_one_out import LeftOut, leave_each_out
from heliotrope.estimate.pulse.sensitivity import Refitted, compute_log_evidence
from heliotrope.estimate.pulse.visits_by_activity import compute_visits_by_activity
from heliotrope.estimate.rows import Row, Topic
from heliotrope.estimate.wording import numbers, worded

ANALYSIS = "pulse_model_check"

LEFT_OUT = "leave_one_out"

VISITS = "visits_by_activity"

WARNING = "warning"

NOT_SEEN = "not_seen_at_this_size"

SHARE_FOUND = "share_found"

NO_PAIRS = worded("no child has two visits of one phase with a value and a later visit")


RESTS_ON_FEW = worded(
    "the figures rest heavily on {few} of {children} children and might be quite different without "
    "{without} (in the list of the children's own peaks, largest first: number {which})"
)

VISITS_FOLLOW_ACTIVITY = worded(
    "children were seen again {when} after a worse visit (rank correlation {correlation:.2f} "
    "within child and phase, p = {p_value:.2g}); the model takes the days of the visits as given"
)

OTHER_CONVENTION = worded(
    "the records speak for another convention than the model's own, {name} (log of the ratio of "
    "evidence {gain:.1f})"
)

FOUND_IN = worded(
    "{departure} (found in {found} of {series} simulated series of {children} children)"
)


def estimate_model_check(
    answer: Answer, effects: ChildEffects, refitted: list[Refitted]
) -> list[Row]:
    """Give the rows of every look, and a warning for each that found something."""
    topic = answer.figures.topic.of(analysis=ANALYSIS)
    return [
        *_check_children(answer, effects, topic),
        *_check_visits(answer, topic),
        *_check_conventions(answer, refitted, topic),
        *_say_what_is_not_seen(answer, topic),
    ]


def _check_children(answer: Answer, effects: ChildEffects, topic: Topic) -> list[Row]:
    """How well the children are foretold; a child bears the number of its own effect's row."""
    n = answer.cohort.data.n_children
    if answer.distrust:
        return [topic.refuse(LEFT_OUT, "elpd", answer.distrust, n)]
    found = leave_each_out(answer.fit)
    limit = answer.model.fit.k_hat_at_most
    ranks = np.argsort(np.argsort(-np.median(effects.pulse, axis=0), kind="stable")) + 1
    deciding = sorted(int(rank) for rank in ranks[~(found.k_hat <= limit)])
    figures = replace(answer.figures, topic=topic)
    rows = [
        _foretold(found, topic),
        figures.number(LEFT_OUT, "p", found.p_sum),
        figures.number(LEFT_OUT, "k_hat_highest", _finite(found.k_hat.max())),
        topic.count(f"{LEFT_OUT}:deciding", len(deciding), n),
    ]
    for child in deciding:
        k_hat = found.k_hat[list(ranks).index(child)]
        rows.append(figures.number(f"child_{child}", "k_hat", _finite(k_hat)))
    if deciding:
        rows.append(_warn(topic, LEFT_OUT, _say_deciding(deciding, n)))
    return rows


def _say_deciding(ranks: list[int], children: int) -> str:
    """Say how many children the figures hang on, and which: by the rank of their own peaks."""
    which = ", ".join(str(rank) for rank in ranks)
    without = worded("that child") if len(ranks) == 1 else worded("any one of them")
    return RESTS_ON_FEW.format(few=len(ranks), children=children, without=without, which=which)


def _foretold(found: LeftOut, topic: Topic) -> Row:
    """The log density foretold of all children, plus and minus one standard error."""
    value, error = found.elpd_sum, found.elpd_error if len(found.elpd) > 1 else 0.0
    printed = numbers(value, error)
    return replace(
        topic.row(LEFT_OUT, "elpd"),
        value=value,
        formatted=worded("{value} (standard error {error})").format(
            value=printed[0], error=printed[1]
        ),
        low=value - error,
        high=value + error,
        n_evaluable=len(found.elpd),
    )


def _check_visits(answer: Answer, topic: Topic) -> list[Row]:
    data, model = answer.cohort.data, answer.model
    found = compute_visits_by_activity(data, model.reference.phases)
    rows = [topic.count(f"{VISITS}:pairs", found.pairs, found.children)]
    if found.p_value is None or found.correlation is None:
        return [*rows, topic.refuse(VISITS, "p_value", NO_PAIRS, found.children)]
    figures = replace(answer.figures, topic=topic, n_children=found.children)
    rows += [
        figures.number(VISITS, "correlation", found.correlation),
        figures.number(VISITS, "p_value", found.p_value),
    ]
    if found.p_value <= model.check.chance_at_most:
        when = worded("sooner") if found.correlation < 0 else worded("later")
        rows.append(
            _warn(
                topic,
                VISITS,
                VISITS_FOLLOW_ACTIVITY.format(
                    when=when, correlation=found.correlation, p_value=found.p_value
                ),
            )
        )
    return rows


def _check_conventions(answer: Answer, refitted: list[Refitted], topic: Topic) -> list[Row]:
    """By how much the records speak for each alternative, as log of the ratio of evidence."""
    if answer.distrust:
        return []
    figures = replace(answer.figures, topic=topic)
    own = compute_log_evidence(answer.fit.problem, answer.fit.mode)
    rows: list[Row] = []
    for each in refitted:
        variable, gain = f"convention:{each.name}", each.log_evidence - own
        rows.append(figures.number(variable, "log_evidence_ratio", gain))
        if gain >= answer.model.check.log_evidence_at_least:
            rows.append(
                _warn(
                    topic,
                    variable,
                    OTHER_CONVENTION.format(name=each.name.replace("_", " "), gain=gain),
                )
            )
    return rows


def _say_what_is_not_seen(answer: Answer, topic: Topic) -> list[Row]:
    """Say which departures the checks hardly find in so few children, by simulated case series.

    Of every check the largest series simulated that is no larger than this cohort, or the smallest.
    """
    check, n = answer.model.check, answer.cohort.data.n_treated
    by_check: dict[tuple[str, str], list[Seen]] = {}
    for each in sorted(check.seen, key=lambda each: each.children):
        by_check.setdefault((each.check, each.departure), []).append(each)
    rows = []
    for series in by_check.values():
        nearest = [each for each in series if each.children <= n][-1:] or series[:1]
        rows += [
            replace(
                topic.row(f"{NOT_SEEN}:{each.check}", SHARE_FOUND),
                value=each.found / each.series,
                formatted=FOUND_IN.format(
                    departure=each.departure,
                    found=each.found,
                    series=each.series,
                    children=each.children,
                ),
                n_evaluable=each.series,
            )
            for each in nearest
            if each.found <= check.blind_at_most * each.series
        ]
    return rows


def _warn(topic: Topic, variable: str, sentence: str) -> Row:
    return replace(topic.row(variable, WARNING), value=1.0, formatted=sentence)


def _finite(number: float) -> float:
    """An infinite k-hat (no tail to judge by) is printed as a large one."""
    return float(min(number, 99.0))
