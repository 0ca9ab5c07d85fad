"""Do the estimates without a model hold their level, and what do they see, in invented cohorts?

Cohorts with a known truth are drawn many times: visits through infusion cycles with and without a
pulse, reactions that recur in a child, flares of children who differ, competing events with late
entry, improvement seen only at visits. Counted: how often an interval holds the truth and how often
a test claims an effect. ``--quick`` draws a few; ``--write`` writes the dated report.

    python calibration/without_a_model.py [--quick] [--replicates N] [--write]
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.loss_after_stopping import Loss, find_truth, run_cohort
from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.model_free import MODEL_FREE, ModelFreeEstimates
from heliotrope.estimate.events.aalen_johansen import (
    CompetingTimes,
    estimate_competing_curves,
    estimate_share_interval,
)
from heliotrope.estimate.events.andersen_gill import RiskRows, estimate_hazard_model
from heliotrope.estimate.events.beta_binomial import estimate_clustered_share
from heliotrope.estimate.events.mean_cumulative import (
    Spells,
    estimate_mean_cumulative,
    estimate_mean_interval,
)
from heliotrope.estimate.intervals import (
    Interval,
    compute_student_quantile,
    estimate_proportion_exact,
)
from heliotrope.estimate.timing.permutation import Block, Draws, estimate_shuffled
from heliotrope.estimate.timing.turnbull import estimate_onset

LOSSES = {
    "anybody": Loss(-3.2, 0.0),
    "the active": Loss(-3.2, 0.8),
    "the well": Loss(-3.2, -0.8),
}

SEED = 19970
QUICK = 20
LEVEL = 0.95
NORMAL = 1.959964
LISTED = Draws(most_listed=4096, drawn=999, seed=1)
REPORT = Path(__file__).parent / "reports" / "2026-11-28-without-a-model.md"

Generator = np.random.Generator
Numbers = NDArray[np.float64]
Found = Sequence[bool | None]
Draw = Callable[[Generator], Found]


def main() -> None:
    """Draw all cohorts and print, or write, the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} cohorts, nothing written")
    parser.add_argument("--replicates", type=int, default=1000)
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.name}")
    options = parser.parse_args()
    replicates = QUICK if options.quick else options.replicates
    started = time.process_time()
    tables = [
        describe_phase_test(replicates),
        describe_reactions(replicates),
        describe_hazard(replicates),
        describe_mean(replicates),
        describe_competing(replicates),
        describe_loss(replicates),
        describe_onset(replicates),
    ]
    head = (
        "# Estimates without a model, on invented cohorts\n\n"
        f"28 November 2026. `python calibration/without_a_model.py --replicates {replicates}`, "
        f"seed {SEED}, {time.process_time() - started:.0f} s of one processor. Shares of "
        f"{replicates} cohorts; their Monte Carlo error is at most "
        f"{50 / math.sqrt(replicates):.1f} points. Intervals are at 95 %, tests at 5 %.\n"
    )
    text = "\n".join([head, *tables])
    if options.write and not options.quick:
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def count(draw: Draw, replicates: int) -> list[str]:
    """Draw cohorts and print the share of each answer among those that gave one."""
    answers = [draw(np.random.default_rng([SEED, number])) for number in range(replicates)]
    printed = []
    for column in zip(*answers, strict=True):
        given = [answer for answer in column if answer is not None]
        share = f"{100 * sum(given) / len(given):.1f} %" if given else "-"
        lacking = len(column) - len(given)
        printed.append(f"{share} (of {len(given)})" if lacking else share)
    return printed


def draw_table(title: str, words: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Draw one table of the report."""
    lines = [" | ".join(row) for row in [head, ["---"] * len(head), *rows]]
    return f"## {title}\n\n{words}\n\n" + "\n".join(f"| {line} |" for line in lines) + "\n"


def holds(interval: Interval | None, truth: float) -> bool | None:
    """Say whether an interval holds the truth; None where there is none."""
    return None if interval is None else interval.low - 1e-9 <= truth <= interval.high + 1e-9


def draw_cycles(children: int, pulse: float, drift: float, within: float) -> Draw:
    """Draw visits on days 4, 14 and 27 of four cycles; error 1, children differ by 2.

    ``pulse``: how much better early; ``drift``: improvement a cycle, the same on all its days;
    ``within``: improvement from day 4 to day 27 for another reason.
    """

    def draw(generator: Generator) -> Found:
        blocks = []
        for child in range(children):
            usual = generator.normal(0, 2)
            for cycle in range(4):
                error = generator.normal(0, 1, 3)
                mean = usual - drift * cycle - within * np.array([0, 10 / 23, 1])
                early = mean[:2] - pulse + error[:2]
                blocks.append(Block(child, tuple(early), (float(mean[2] + error[2]),)))
        found = estimate_shuffled(blocks, LISTED)
        assert found is not None
        is_claimed = found.p_value <= 1 - LEVEL
        return is_claimed and found.statistic > 0, is_claimed and found.statistic < 0

    return draw


def describe_phase_test(replicates: int) -> str:
    """Count false claims without a pulse, and true ones with one."""
    rows = []
    for words, pulse, drift, within in (
        ("nothing differs", 0.0, 0.0, 0.0),
        ("improvement of 1 from cycle to cycle", 0.0, 1.0, 0.0),
        ("improvement of 0.5 within each cycle", 0.0, 0.0, 0.5),
        ("a pulse of 0.5", 0.5, 0.0, 0.0),
        ("a pulse of 1", 1.0, 0.0, 0.0),
    ):
        for children in (3, 7, 30):
            claims = count(draw_cycles(children, pulse, drift, within), replicates)
            rows.append([words, f"{children}", *claims])
    return draw_table(
        "Test of infusion phase",
        "Three visits in each of four cycles, error 1. A claim is p at most 0.05.",
        ["truth", "children", "claims worse at the trough", "claims better"],
        rows,
    )


def describe_reactions(replicates: int) -> str:
    """Count how often the clustered and the plain interval hold the share."""
    rows = []
    for children, infusions in ((7, 24), (30, 24), (200, 12)):
        for share, rho in ((0.05, 0.0), (0.05, 0.1), (0.1, 0.3)):

            def draw(
                generator: Generator,
                n: int = children,
                m: int = infusions,
                share: float = share,
                rho: float = rho,
            ) -> Found:
                size = (1 - rho) / rho if rho else 0.0
                chance = (
                    generator.beta(share * size, (1 - share) * size, n)
                    if rho
                    else np.full(n, share)
                )
                hits = generator.binomial(m, chance)
                found = estimate_clustered_share(hits, np.full(n, m), LEVEL)
                plain = estimate_proportion_exact(int(hits.sum()), n * m, LEVEL)
                return (
                    holds(found.interval, share),
                    holds(plain, share),
                    holds(found.correlation_interval, rho),
                )

            case = [f"{children}", f"{infusions}", f"{share:g}", f"{rho:g}"]
            rows.append([*case, *count(draw, replicates)])
    return draw_table(
        "Reactions that recur in a child",
        "How often the interval holds the truth: Beta-Binomial, exact binomial of all infusions "
        "taken as independent, and the correlation.",
        ["children", "infusions each", "share", "correlation", "clustered", "binomial", "rho"],
        rows,
    )


def draw_flares(children: int, ratio: float, generator: Generator) -> RiskRows:
    """Draw two years of flares: 0.8 a year on IVIG, children differ (gamma, variance 1)."""
    child, start, stop, is_event, is_off = [], [], [], [], []
    for number in range(children):
        usual = 0.8 / 365 * generator.gamma(1.0, 1.0)
        change = generator.uniform(90, 540)
        for begin, end, off in ((0.0, change, 0.0), (change, 730.0, 1.0)):
            rate = usual * (ratio if off else 1.0)
            day = begin
            while day < end:
                following = day + generator.exponential(1 / rate)
                child.append(number)
                start.append(day)
                stop.append(min(following, end))
                is_event.append(following < end)
                is_off.append([off])
                day = following
    return RiskRows(
        np.array(child), np.array(start), np.array(stop), np.array(is_event), np.array(is_off)
    )


def describe_hazard(replicates: int) -> str:
    """Count how often the robust and the naive interval hold the hazard ratio."""
    rows = []
    for children in (20, 50, 200):
        for ratio in (1.0, 2.5):

            def draw(generator: Generator, n: int = children, ratio: float = ratio) -> Found:
                model = estimate_hazard_model(draw_flares(n, ratio, generator))
                if model.refused is not None:
                    return None, None, None
                away = abs(float(model.coefficient[0]) - math.log(ratio))
                student = compute_student_quantile((1 + LEVEL) / 2, n - 1)
                return tuple(
                    bool(away <= reach)
                    for reach in (
                        student * model.corrected[0],
                        NORMAL * model.robust[0],
                        NORMAL * model.naive[0],
                    )
                )

            rows.append([f"{children}", f"{ratio:g}", *count(draw, replicates)])
    return draw_table(
        "Flares off IVIG against on IVIG",
        "Two years, 0.8 flares a year on IVIG, children differ (gamma, variance 1), the stop "
        "between days 90 and 540 independent of flares.",
        ["children", "hazard ratio", "corrected (printed)", "robust", "naive"],
        rows,
    )


def describe_mean(replicates: int) -> str:
    """Count how often the interval of the mean number of flares at one year holds it."""
    rows = []
    for children in (7, 30, 200):

        def draw(generator: Generator, n: int = children) -> Found:
            drawn = draw_flares(n, 1.0, generator)
            event = drawn.is_event
            found = estimate_mean_cumulative(
                Spells(
                    np.arange(n),
                    np.zeros(n),
                    generator.uniform(300, 730, n),
                    drawn.child[event],
                    drawn.stop[event],
                )
            )
            step = found.step_at(365)
            if step is None:
                return (None,)
            interval = estimate_mean_interval(
                float(found.mean[step]), float(found.error[step]), LEVEL
            )
            return (holds(interval, 0.8),)

        rows.append([f"{children}", *count(draw, replicates)])
    return draw_table(
        "Mean number of flares at one year",
        "The same children, seen for 300 to 730 days; the truth is 0.8.",
        ["children", "interval holds it"],
        rows,
    )


def describe_competing(replicates: int) -> str:
    """Count how often the interval of the share that worsened first by day 180 holds it."""
    worse, other = 1 / 250, 1 / 600
    truth = worse / (worse + other) * (1 - math.exp(-(worse + other) * 180))
    rows = []
    for children in (7, 30, 200):

        def draw(generator: Generator, n: int = children) -> Found:
            day = generator.exponential(1 / (worse + other), n)
            cause = np.where(generator.random(n) < worse / (worse + other), 1, 2)
            seen = generator.uniform(100, 500, n)
            times = CompetingTimes(
                np.zeros(n), np.minimum(day, seen), np.where(day <= seen, cause, 0)
            )
            curves = estimate_competing_curves(times, 2)
            step = curves.step_at(180)
            if step is None:
                return (None,)
            return (
                holds(
                    estimate_share_interval(
                        float(curves.shares[step, 0]), float(curves.errors[step, 0]), LEVEL
                    ),
                    truth,
                ),
            )

        rows.append([f"{children}", *count(draw, replicates)])
    return draw_table(
        "Worse first, by day 180 after stopping",
        f"Two competing events, the truth is {truth:.3f}; cohorts without such an event have no "
        "interval and are not counted.",
        ["children", "interval holds it"],
        rows,
    )


def describe_loss(replicates: int) -> str:
    """Hold the share worse by one year to the truth, with and without weights for loss."""
    truth = find_truth(np.random.default_rng(SEED))
    rule = read_rulebook().get(MODEL_FREE, ModelFreeEstimates).loss
    rows = []
    for words, loss in LOSSES.items():
        for children in (100, 400):
            found = [
                run_cohort(children, loss, rule, np.random.default_rng([SEED, number]))
                for number in range(replicates)
            ]
            lost = np.mean([one.losses for one in found])
            case = [words, f"{children}", f"{100 * lost / children:.0f} %"]
            for share, interval in (
                ("unweighted", "interval"),
                ("weighted", "interval_weighted"),
            ):
                off = np.array([getattr(one, share) for one in found]) - truth
                held = [holds(getattr(one, interval), truth) for one in found]
                case.append(f"{off.mean():+.3f} (SD {off.std():.3f})")
                case.append(f"{100 * np.mean([bool(one) for one in held]):.1f} %")
            rows.append(case)
    head = ["lost are", "children", "lost", "unweighted: bias", "held", "weighted: bias", "held"]
    return draw_table(
        "Worse by one year, when some are lost",
        f"Activity moves from visit to visit and worsening hangs on it; the truth is {truth:.3f}. "
        "The weights take loss from the activity last measured.",
        head,
        rows,
    )


def describe_onset(replicates: int) -> str:
    """Count how often the bounds of the share improved by day 42 hold it."""
    truth = 1 - math.exp(-42 / 60)
    rows = []
    for children in (7, 30, 200):

        def draw(generator: Generator, n: int = children) -> Found:
            after, by = np.zeros(n), np.zeros(n)
            for child in range(n):
                visits = np.cumsum(generator.integers(7, 60, 12)).astype(np.float64)
                day = generator.exponential(60)
                visits = visits[visits < generator.uniform(60, 600)]
                after[child] = max([0.0, *visits[visits < day]])
                by[child] = min([np.inf, *visits[visits >= day]])
            low = estimate_proportion_exact(int((by <= 42).sum()), n, LEVEL).low
            high = estimate_proportion_exact(n - int((after >= 42).sum()), n, LEVEL).high
            onset = estimate_onset(after, by)
            least, most = onset.share_by(42)
            return low <= truth <= high, onset.is_maximum, least - 0.1 <= truth <= most + 0.1

        rows.append([f"{children}", *count(draw, replicates)])
    return draw_table(
        "Improved by day 42, seen only at visits",
        f"Visits 1 to 8 weeks apart, some children lost; the truth is {truth:.3f}.",
        ["children", "bounds hold it", "maximum found", "range within 0.1 of it"],
        rows,
    )


if __name__ == "__main__":
    main()
