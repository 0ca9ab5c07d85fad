"""Write the dated report: ``python -m calibration.pulse_model.report FOLDER``."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from calibration.pulse_model.report_misfit import describe_misfit
from calibration.pulse_model.report_sbc import describe_before, describe_sbc, replace_by_nuts
from calibration.pulse_model.stage import DRAWS, read_results
from calibration.pulse_model.tables import Rows, draw_table, group_rows

REPORTS = Path(__file__).parents[1] / "reports"

K_HAT = 0.7

BEFORE = "before"
"""The folder, within that of the results, of what an earlier version gave in the same stage."""


def write_report(folder: Path) -> Path:
    """Put every result file of a folder into one report, named after the day of the run."""
    parts, date = [], ""
    for stage, describe in DESCRIBE.items():
        heads, rows = read_results(folder, stage)
        if stage == "sbc":
            nuts_heads, nuts_rows = read_results(folder, "sbc_nuts")
            heads, rows = heads + nuts_heads, replace_by_nuts(rows, nuts_rows)
        _, before = read_results(folder / BEFORE, stage)
        if rows:
            date = max([date, *(head["head"]["date"] for head in heads)])
            parts.append(describe(rows))
            parts.append(_describe_heads(heads))
            if stage == "sbc" and before:
                parts.append(describe_before(before, rows))
    if not parts:
        raise SystemExit(f"no results in {folder}: run python -m calibration.pulse_model first")
    REPORTS.mkdir(exist_ok=True)
    path = REPORTS / f"{date}-pulse-model.md"
    text = f"# Calibration of the pulse model, {date}\n\n" + "\n\n".join(parts) + "\n"
    path.write_text(text, encoding="utf-8")
    return path


def _describe_heads(heads: Rows) -> str:
    """Say what was run with what: one sentence for each seed and set of programs."""
    runs: dict[str, Rows] = defaultdict(list)
    for head in heads:
        machine = head["head"]
        with_what = (
            f"seed {head['seed']}, Python {machine['python']}, JAX {machine['jax']} on "
            f"{machine['device']}, {machine['date']}"
        )
        if machine.get("draws") != DRAWS:
            with_what += ", before the draws followed the ridge of the half-times"
        runs[with_what].append(head)
    told = []
    for with_what, parts in runs.items():
        rows = sum(part["rows"] for part in parts)
        which = " / ".join(str(part["part"]) for part in parts)
        named = f" (parts: {which})" if len(runs) > 1 else ""
        told.append(f"{rows} rows with {with_what}{named}")
    return f"`make calibrate`, stage {heads[0]['stage']}: {'; '.join(told)}."


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
    for (mechanism, analysis), group in group_rows(rows, "mechanism", "analysis").items():
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
        + draw_table(columns, told)
    )


def _is_usable(row: dict[str, Any]) -> bool:
    if not row["is_reweighted"]:
        return bool(row["is_found"])
    return row["k_hat"] is not None and row["k_hat"] <= K_HAT


def describe_coverage(rows: Rows) -> str:
    """Bias, coverage and false claims by mechanism, size and analysis."""
    told, claims = [], []
    asked = [key.removesuffix("_truth") for key in rows[0] if key.endswith("_truth")]
    for cell, group in group_rows(rows, "analysis", "children", "mechanism").items():
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
        + draw_table(columns, told)
        + "\n\nFalse claims: share of data sets without any effect in which the chance of an "
        "effect above 0 is over 0.95 (0.05 would be fair).\n\n"
        + draw_table(["analysis", "children", "effect", "false claims"], claims)
    )


def describe_sensitivity(rows: Rows) -> str:
    """How much prior and likelihood decide, by size."""
    told = []
    for (children,), group in group_rows(rows, "children").items():
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
        "variance.\n\n" + draw_table(columns, told)
    )


def describe_methods(rows: Rows) -> str:
    """How far mode and reweighted draws lie from NUTS."""
    told = []
    for (children,), group in group_rows(rows, "children").items():
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
        "of the sds (means over cohorts).\n\n" + draw_table(columns, told)
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
