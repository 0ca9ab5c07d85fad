"""Write the dated report: ``python -m calibration.pulse_model.report FOLDER``."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calibration.pulse_model.envelope import judge_ranks
from calibration.pulse_model.stage import read_results
from heliotrope.definitions.pulse_model import read_pulse_model

REPORTS = Path(__file__).parents[1] / "reports"

Rows = list[dict[str, Any]]

K_HAT = 0.7


def write_report(folder: Path) -> Path:
    """Put every result file of a folder into one report, named after the day of the run."""
    parts, date = [], ""
    for stage, describe in DESCRIBE.items():
        head, rows = read_results(folder, stage)
        if rows:
            date = head["head"]["date"]
            parts.append(describe(rows))
            parts.append(_describe_head(head))
    if not parts:
        raise SystemExit(f"no results in {folder}: run python -m calibration.pulse_model first")
    REPORTS.mkdir(exist_ok=True)
    path = REPORTS / f"{date}-pulse-model.md"
    text = f"# Calibration of the pulse model, {date}\n\n" + "\n\n".join(parts) + "\n"
    path.write_text(text, encoding="utf-8")
    return path


def _describe_head(head: dict[str, Any]) -> str:
    machine = head["head"]
    return (
        f"`make calibrate`, stage {head['stage']}, seed {head['seed']}, Python "
        f"{machine['python']}, JAX {machine['jax']} on {machine['device']}."
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def _grouped(rows: Rows, *keys: str) -> dict[tuple[Any, ...], Rows]:
    groups: dict[tuple[Any, ...], Rows] = defaultdict(list)
    for row in rows:
        groups[tuple(row[key] for key in keys)].append(row)
    return dict(groups)


def _bias(ends: Any, truth: Any) -> tuple[str, str, str]:
    """Bias with its Monte Carlo error, coverage with its own, and half the mean width."""
    middle, low, high = ends.T
    error = middle - truth
    covered = (low <= truth) & (truth <= high)
    count = len(ends)
    spread = error.std(ddof=1) / np.sqrt(count) if count > 1 else float("nan")
    share = covered.mean()
    return (
        f"{error.mean():+.3f} ± {spread:.3f}",
        f"{share:.2f} ± {np.sqrt(share * (1 - share) / count):.2f}",
        f"{np.mean(high - low) / 2:.2f}",
    )


def describe_start_rules(rows: Rows) -> str:
    """Which analyses keep the bias of the persistent effect small."""
    told = []
    for (mechanism, analysis), group in _grouped(rows, "mechanism", "analysis").items():
        found = [row for row in group if row["is_found"]]
        if not found:
            continue
        row = [mechanism, analysis, f"{len(found)} of {len(group)}"]
        for name in ("persistent_mean", "pulse_mean"):
            ends = np.asarray([each[name] for each in found], dtype=float)
            row += _bias(ends, found[0]["truth"][name])
        told.append(row)
    columns = ["how it came about", "analysis", "fits", "persistent: bias", "covered (90 %)"]
    columns += ["half width", "pulse: bias", "covered", "half width"]
    return (
        "## The start rule\n\n200 children a data set, true mean persistent effect 0.30 cm (0 "
        "where there is none), mode and normal interval. ± is the Monte Carlo error.\n\n"
        + _table(columns, told)
    )


def describe_sbc(rows: Rows) -> str:
    """Whether the truths of the prior rank evenly."""
    parts = []
    for (rule,), group in _grouped(rows, "start_rule").items():
        names = list(group[0]["ranks"])
        k_hat = np.asarray([row["k_hat"] if row["k_hat"] is not None else np.inf for row in group])
        told = []
        for name in names:
            ranks = np.asarray([row["ranks"][name] for row in group], dtype=float)
            judged = judge_ranks(ranks[np.isfinite(ranks)])
            told.append(
                [
                    name,
                    f"{judged.largest_distance:.3f}",
                    f"{judged.p:.3f}",
                    "inside" if judged.is_inside else "OUTSIDE",
                ]
            )
        outside = sum(row[-1] == "OUTSIDE" for row in told)
        parts.append(
            f"Start rule `{rule}`: {len(group)} fits of {group[0]['children']} children; k-hat "
            f"above {K_HAT} in {np.mean(k_hat > K_HAT):.0%} of them (the program then draws with "
            f"NUTS; here they are kept); {outside} of {len(told)} quantities leave the 95 % "
            "simultaneous band.\n\n"
            + _table(["quantity", "largest distance", "p", "95 % band"], told)
        )
    return "## Simulation-based calibration\n\n" + "\n\n".join(parts)


def _is_usable(row: dict[str, Any]) -> bool:
    if not row["is_reweighted"]:
        return bool(row["is_found"])
    return row["k_hat"] is not None and row["k_hat"] <= K_HAT


def describe_coverage(rows: Rows) -> str:
    """Bias, coverage and false claims by mechanism, size and analysis."""
    told, claims = [], []
    asked = [key.removesuffix("_truth") for key in rows[0] if key.endswith("_truth")]
    for cell, group in _grouped(rows, "analysis", "children", "mechanism").items():
        usable = [row for row in group if _is_usable(row)]
        named = [str(part) for part in cell] + [f"{len(usable)} of {len(group)}"]
        if len(usable) < 2:
            continue
        for name in asked:
            ends = np.asarray([row[name] for row in usable], dtype=float)
            told.append([*named, name, *_bias(ends, usable[0][f"{name}_truth"])])
        if cell[2] == "no_effect":
            for name in ("pulse_mean", "persistent_mean"):
                above = np.asarray([row[f"{name}_above_zero"] for row in usable])
                claims.append([*named[:2], name, f"{np.mean(above > 0.95):.2f}"])
    columns = ["analysis", "children", "how it came about", "fits used"]
    columns += ["quantity", "bias", "covered (90 %)", "half width"]
    return (
        "## Bias and coverage\n\nUsed are reweighted fits with k-hat up to 0.7; of large cohorts, "
        "fits whose mode was found.\n\n"
        + _table(columns, told)
        + "\n\nFalse claims: share of data sets without any effect in which the chance of an "
        "effect above 0 is over 0.95 (0.05 would be fair).\n\n"
        + _table(["analysis", "children", "effect", "false claims"], claims)
    )


def describe_sensitivity(rows: Rows) -> str:
    """How much prior and likelihood decide, by size."""
    told = []
    for (children,), group in _grouped(rows, "children").items():
        for name in group[0]["prior"]:
            told.append(
                [
                    str(children),
                    name,
                    *(
                        f"{np.median([row[what][name] for row in group]):.2f}"
                        for what in ("prior", "likelihood", "contraction")
                    ),
                ]
            )
    columns = ["treated children", "quantity", "prior", "likelihood", "contraction"]
    return (
        "## Sensitivity to the prior\n\nPosterior sds that the mean moves when the power of prior "
        "or likelihood is doubled (median over data sets). Contraction: 1 - posterior / prior "
        "variance.\n\n" + _table(columns, told)
    )


def describe_methods(rows: Rows) -> str:
    """How far mode and reweighted draws lie from NUTS."""
    told = []
    for (children,), group in _grouped(rows, "children").items():
        names = [name for name, value in group[0].items() if isinstance(value, dict)]
        for name in names:
            said = [
                f"{np.mean([row[name][what] for row in group]):.2f}"
                for what in ("mode", "reweighted", "reweighted_sd")
            ]
            told.append([str(children), str(len(group)), name, *said])
    columns = ["treated children", "cohorts", "quantity", "mode", "reweighted median"]
    columns += ["reweighted sd"]
    return (
        "## Mode, reweighted draws and NUTS\n\nDistance from NUTS's median in its sds, and ratio "
        "of the sds (means over cohorts).\n\n" + _table(columns, told)
    )


def describe_misfit(rows: Rows) -> str:
    """How often the study's own report says that the model does not fit, by mechanism and size."""
    check = read_pulse_model().check
    limit = check.log_evidence_at_least
    told = []
    for (mechanism, children), group in _grouped(rows, "mechanism", "children").items():
        chances = [row["p_visits"] for row in group if row["p_visits"] is not None]
        gains = [row["gains"] for row in group if row["is_found"]]
        if not chances or not gains:
            continue
        flagged = [f"{np.mean(np.asarray(chances) <= check.chance_at_most):.2f}"]
        for name in gains[0]:
            found = np.asarray([each[name] for each in gains], dtype=float)
            flagged.append(f"{np.mean(found >= limit):.2f} ({np.median(found):.1f})")
        told.append([mechanism, str(children), f"{len(group)}", *flagged])
    named = [name.replace("_", " ") for name in rows[0]["gains"]]
    columns = ["how it came about", "treated children", "data sets", "visits by activity", *named]
    return (
        "## What the report itself says of the fit\n\nShare of data sets with a warning: visits "
        f"that go with activity (p up to {check.chance_at_most}), and the records speaking for "
        f"another convention (log of the ratio of evidence from {limit}; in brackets its "
        "median).\n\n" + _table(columns, told)
    )


DESCRIBE: dict[str, Callable[[Rows], str]] = {
    "start_rules": describe_start_rules,
    "sbc": describe_sbc,
    "coverage": describe_coverage,
    "sensitivity": describe_sensitivity,
    "methods": describe_methods,
    "misfit": describe_misfit,
}

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "calibration/work")
    sys.stdout.write(f"{write_report(folder)}\n")
