"""Weighted GEE and pooled logistic regression against R's geepack and glm, live."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from heliotrope.estimate.logistic import Numbers, fit_logistic
from heliotrope.estimate.registry.gee import Family, Visits, Working, fit_gee

DATA = Path(__file__).parents[3] / "shared" / "data" / "statistics"

RunR = Callable[[str], str]

FIT = """
options(digits = 15); suppressPackageStartupMessages(library(geepack))
d <- read.csv("{path}"); d$row_weight <- {weight}
f <- geeglm({formula}, id = id, data = d, family = {family}, corstr = "{working}",
            weights = row_weight, scale.fix = FALSE,
            control = geese.control(epsilon = 1e-12, maxit = 200))
cat(coef(f), sqrt(diag(vcov(f))), f$geese$alpha)
"""

GLM = """
options(digits = 15)
d <- read.csv("{path}"); d$row_weight <- {weight}
f <- suppressWarnings(glm({formula}, data = d, family = binomial, weights = row_weight,
         control = glm.control(epsilon = 1e-14, maxit = 100)))
cat(coef(f))
"""


def data(name: str) -> pl.DataFrame:
    path = DATA / name
    if not path.exists():
        message = f"the data file {name} of the shared statistics folder is missing"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return pl.read_csv(path, null_values="NA", infer_schema_length=None)


def floats(printed: str) -> list[float]:
    return [float(word) for word in printed.split()]


def number_children(ids: pl.Series) -> np.ndarray:
    return ids.rank("dense").to_numpy().astype(np.int64) - 1


def ohio() -> tuple[pl.DataFrame, Numbers]:
    table = data("geepack/ohio.csv")
    age, smoke = table["age"].to_numpy(), table["smoke"].to_numpy()
    return table, np.column_stack([np.ones(len(age)), age, smoke, age * smoke]).astype(float)


def respiratory() -> tuple[pl.DataFrame, Numbers]:
    """Children's numbers start anew in the second centre, so both make the cluster."""
    table = data("geepack/respiratory.csv").with_columns(
        id=pl.col("center") * 1000 + pl.col("id"),
        is_treated=(pl.col("treat") == "A").cast(pl.Int64),
        is_male=(pl.col("sex") == "M").cast(pl.Int64),
    )
    names = ("center", "is_treated", "is_male", "baseline", "age")
    columns = [table[name].to_numpy() for name in names]
    return table, np.column_stack([np.ones(len(columns[0])), *columns]).astype(float)


def dietox() -> tuple[pl.DataFrame, Numbers]:
    table = data("geepack/dietox.csv").rename({"Pig": "id"})
    copper = [(table["Cu"] == level).cast(pl.Int64).to_numpy() for level in ("Cu035", "Cu175")]
    time = table["Time"].to_numpy()
    return table, np.column_stack([np.ones(len(time)), time, *copper]).astype(float)


CASES = {
    "ohio": (ohio, "resp", "resp ~ age * smoke", "binomial", "1 + (d$rownames %% 3)"),
    "respiratory": (
        respiratory,
        "outcome",
        "outcome ~ center + is_treated + is_male + baseline + age",
        "binomial",
        "1 + (d$rownames %% 3)",
    ),
    "dietox": (dietox, "Weight", "Weight ~ Time + Cu", "gaussian", "1 + (d$rownames %% 3)"),
}


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("working", ["independence", "exchangeable"])
@pytest.mark.parametrize("name", list(CASES))
def test_coefficients_and_robust_errors(
    run_r: RunR, tmp_path: Path, name: str, working: Working, is_weighted: bool
) -> None:
    make, outcome, formula, family_name, weight = CASES[name]
    table, design = make()
    family: Family = "gaussian" if family_name == "gaussian" else "binomial"
    path = tmp_path / "rows.csv"
    table.write_csv(path)
    row_weight = (1.0 + table["rownames"].to_numpy() % 3) if is_weighted else np.ones(table.height)
    printed = run_r(
        FIT.format(
            path=path,
            formula=formula,
            family=family_name,
            working=working,
            weight=weight if is_weighted else "1",
        )
    )
    fit = fit_gee(
        Visits(
            design,
            table[outcome].to_numpy().astype(float),
            row_weight.astype(float),
            number_children(table["id"]),
        ),
        family,
        working,
    )
    expected = floats(printed)
    columns = design.shape[1]
    errors = [fit.error(column) for column in range(columns)]
    assert fit.coefficients.tolist() == pytest.approx(expected[:columns], rel=1e-6, abs=1e-8)
    assert errors == pytest.approx(expected[columns : 2 * columns], rel=1e-6)
    if working == "exchangeable":
        assert fit.correlation == pytest.approx(expected[2 * columns], rel=1e-6)


@pytest.mark.parametrize("weight", ["1", "1 + (d$rownames %% 3)"])
def test_logistic_against_glm(run_r: RunR, tmp_path: Path, weight: str) -> None:
    table, design = respiratory()
    path = tmp_path / "rows.csv"
    table.write_csv(path)
    printed = run_r(GLM.format(path=path, formula=CASES["respiratory"][2], weight=weight))
    numbers = 1.0 + table["rownames"].to_numpy() % 3 if "%%" in weight else np.ones(table.height)
    both = np.stack([numbers, np.ones(table.height)])
    fit = fit_logistic(design, table["outcome"].to_numpy().astype(float), both)
    assert fit.has_converged.all()
    assert fit.coefficients[0].tolist() == pytest.approx(floats(printed), rel=1e-8)


def nhefs() -> tuple[pl.DataFrame, Numbers]:
    """The cohort of What If, chapter 12: the columns of the model of giving up smoking."""
    table = data("causaldata/nhefs.csv").filter(pl.col("wt82_71").is_not_null())
    squared = ("age", "smokeintensity", "smokeyrs", "wt71")
    columns = [
        table["sex"],
        table["race"],
        *[table[name] for name in squared],
        *[table[name] ** 2 for name in squared],
        *[(table["education"] == level).cast(pl.Int64) for level in (2, 3, 4, 5)],
        *[(table["exercise"] == level).cast(pl.Int64) for level in (1, 2)],
        *[(table["active"] == level).cast(pl.Int64) for level in (1, 2)],
    ]
    values = np.column_stack([column.to_numpy().astype(float) for column in columns])
    return table, np.column_stack(
        [np.ones(table.height), (values - values.mean(0)) / values.std(0)]
    )


def test_weight_gained_after_giving_up_smoking() -> None:
    """What If, chapter 12: crude 2.54 kg; stabilised weights 3.44 kg (2.41 to 4.47)."""
    table, design = nhefs()
    quit_smoking = table["qsmk"].to_numpy().astype(float)
    fit = fit_logistic(design, quit_smoking, np.ones((1, table.height)))
    chance = 1 / (1 + np.exp(-design @ fit.coefficients[0]))
    share = quit_smoking.mean()
    weight = np.where(quit_smoking == 1, share / chance, (1 - share) / (1 - chance))
    assert weight.mean() == pytest.approx(1.0, abs=0.002)
    simple = np.column_stack([np.ones(table.height), quit_smoking])
    gained = table["wt82_71"].to_numpy()
    child = np.arange(table.height)
    crude = fit_gee(Visits(simple, gained, np.ones(table.height), child), "gaussian")
    weighted = fit_gee(Visits(simple, gained, weight, child), "gaussian")
    middle, half = weighted.coefficients[1], 1.959964 * weighted.error(1)
    assert crude.coefficients[1] == pytest.approx(2.54, abs=0.005)
    assert [middle, middle - half, middle + half] == pytest.approx([3.44, 2.41, 4.47], abs=0.006)
