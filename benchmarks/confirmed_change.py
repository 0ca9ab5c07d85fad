"""Measure confirmed change side by side with pymsprog, and hold every verdict to the other's.

``python benchmarks/confirmed_change.py`` draws children with 12 visits, asks both programs who
worsened or improved by 2 cm, confirmed over 12 or 24 weeks, when first and confirmed when, and
compares child by child. The peer starts as its authors ship it and is then asked more narrowly,
until no child differs; one that still does stops the script. The peer needs NumPy below 2: it lives
in ``benchmarks/work/pymsprog``, made from ``confirmed_change/requirements.txt``. One thread each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from machine import describe_machine, draw_table, write_part

VISITS = 12
COMPARED = 2_000
TIMED_AT_PEER = (500, 2_000)
MANY = 100_000
SEED = 20
FIRST_DAY = date(2015, 1, 1)

HERE = Path(__file__).parent
WORK = HERE / "work"
RULES = HERE / "confirmed_change"
EVENTS = {"worsening": "firstCDW", "improvement": "firstCDI"}
WEEKS = (12, 24)
DAYS_A_WEEK = 7

Events = dict[str, list[int]]


@dataclass(frozen=True)
class Asking:
    """How the peer is asked: values in which unit, and how far from the time of confirmation."""

    name: str
    column: str
    tolerance: tuple[float, float | None]

    @property
    def delta(self) -> float:
        """Two centimetres in the unit of the values."""
        return 2.0 if self.column == "centimetres" else 20.0


ASKINGS = (
    Asking(
        "as it is shipped: confirmed from 7 days early to 2 years late", "centimetres", (7, 730.5)
    ),
    Asking("never early", "centimetres", (0, 730.5)),
    Asking("never early, however late", "centimetres", (0, None)),
    Asking("the same, values in whole millimetres", "millimetres", (0, None)),
)


def main() -> None:
    """Draw, ask both, compare, print and write."""
    if "--judge" in sys.argv:
        children, answer = sys.argv[sys.argv.index("--judge") + 1 :]
        judge_here(int(children), Path(answer))
        return
    WORK.mkdir(exist_ok=True)
    theirs = ask_peer(make_environment())
    ours = {children: judge(children) for children in (COMPARED, MANY)}
    compared = compare(ours[COMPARED]["events"], theirs["answers"])
    text = (
        f"{describe_machine()}; {theirs['versions']}; one thread each, seconds of the processor."
        f"\n\n"
        f"{compared}\n\n{describe_speed(ours, theirs['answers'])}"
    )
    sys.stdout.write(text + "\n")
    write_part("confirmed_change", text)


def draw_cohort(children: int) -> pl.DataFrame:
    """Draw visits of children: patient_id, day, millimetres, centimetres.

    Child k is the same in a cohort of any size. Visits are 3 to 17 weeks apart, one in fifty after
    two to three years; one in fifty is rated twice on its day, and then the second rating counts.
    """
    frames = []
    for child in range(children):
        draw = np.random.default_rng((SEED, child))
        gap = draw.integers(21, 120, VISITS)
        gap[draw.random(VISITS) < 0.02] += 730
        day = np.cumsum(gap) - gap[0]
        rating = np.clip(
            np.cumsum([draw.integers(20, 81), *draw.integers(-15, 16, VISITS - 1)]), 0, 100
        )
        twice = np.flatnonzero(draw.random(VISITS) < 0.02)
        order = np.sort(np.concatenate([np.arange(VISITS), twice]))
        is_second = np.concatenate([[False], order[1:] == order[:-1]])
        value = np.clip(
            rating[order] + np.where(is_second, draw.integers(-15, 16, order.size), 0), 0, 100
        )
        frames.append((np.full(order.size, child), day[order], value))
    number, day, value = (np.concatenate(parts) for parts in zip(*frames, strict=True))
    return pl.DataFrame({"child": number, "day": day, "millimetres": value}).select(
        patient_id=pl.format("P{}", pl.col("child").cast(pl.String).str.zfill(6)),
        day=pl.col("day").cast(pl.Int32),
        millimetres=pl.col("millimetres").cast(pl.Int64),
        centimetres=pl.col("millimetres") / 10,
    )


def make_environment() -> Path:
    """Make the peer's environment where there is none; return its Python."""
    folder = WORK / "pymsprog"
    python = folder / "bin" / "python"
    if not python.exists():
        wanted = str(RULES / "requirements.txt")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", wanted], check=True)
    return python


def ask_peer(python: Path) -> dict[str, Any]:
    """Ask the peer every question of the comparison, then those that are timed."""
    cohort, asked, answer = (WORK / f"confirmed_change{end}" for end in (".csv", ".asked", ".told"))
    draw_cohort(COMPARED).write_csv(cohort)
    questions = [
        ask(asking, direction, weeks, COMPARED)
        for asking in ASKINGS
        for direction in EVENTS
        for weeks in WEEKS
    ]
    questions += [ask(ASKINGS[-1], "worsening", WEEKS[0], children) for children in TIMED_AT_PEER]
    asked.write_text(json.dumps(questions), encoding="utf-8")
    script = str(HERE / "confirmed_change_peer.py")
    run_alone([str(python), script, str(cohort), str(asked), str(answer)])
    told: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return told


def ask(asking: Asking, direction: str, weeks: int, children: int) -> dict[str, Any]:
    """Write one question for the peer."""
    return {
        "column": asking.column,
        "delta": asking.delta,
        "tolerance": asking.tolerance,
        "event": EVENTS[direction],
        "days": weeks * DAYS_A_WEEK,
        "children": children,
    }


def judge(children: int) -> dict[str, Any]:
    """Judge by the program, in a process of its own."""
    answer = WORK / "confirmed_change.ours"
    run_alone([sys.executable, __file__, "--judge", str(children), str(answer)])
    told: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return told


def run_alone(command: list[str]) -> None:
    """Run a process that has one thread."""
    one = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env={**os.environ, **one})


def judge_here(children: int, answer: Path) -> None:
    """Time one rule from assessments to dates, then the same with state table and whole trace."""
    from heliotrope.classify.rules import RuleContext, evaluate_rule
    from heliotrope.classify.states import RegimenVisits, classify_changes
    from heliotrope.classify.trace_rows import number_trace
    from heliotrope.definitions.load import Rulebook, read_definition, read_rulebook

    shipped = read_rulebook()
    rules = {path.stem: read_definition(path) for path in sorted(RULES.glob("*.toml"))}
    timed = rules[f"worsening_{WEEKS[0]}_weeks"]
    book = Rulebook(
        {name: item for name, item in shipped.definitions.items() if item.kind != "rule"}
        | {timed.id: timed},
        shipped.settings,
    )
    assessment = lay_out(draw_cohort(children))
    began = time.process_time()
    _, regimens, baselines, changes = derive(assessment, book)
    judged = {
        timed.id: evaluate_rule(changes.drop("baseline_row_id", "rejected"), timed, RuleContext())
    }
    first = find_first(judged[timed.id])
    seconds = time.process_time() - began
    began = time.process_time()
    _, regimens, baselines, changes = derive(assessment, book)
    none = pl.DataFrame()
    born = regimens.select("patient_id", birth_date=pl.lit(None, pl.Date))
    visits = RegimenVisits(
        changes, baselines, born, none, none, regimens.select("patient_id", "regimen")
    )
    trace = number_trace(classify_changes(visits, book).parts).whole
    traced = time.process_time() - began
    told: dict[str, Any] = {"seconds": seconds, "traced": traced, "nodes": trace.rows.height}
    if children == COMPARED:
        starts = dict(regimens.select("patient_id", "first_infusion").iter_rows())
        found = {
            name: first
            if name == timed.id
            else find_first(evaluate_rule(changes, rule, RuleContext()))
            for name, rule in rules.items()
        }
        told["events"] = {name: count_days(table, starts) for name, table in found.items()}
    answer.write_text(json.dumps(told), encoding="utf-8")


def lay_out(cohort: pl.DataFrame) -> pl.DataFrame:
    """Make canonical assessments of the visits."""
    from heliotrope.records.canonical import CANONICAL

    schema = CANONICAL["assessment"].create_empty().schema
    given = {
        "row_id": pl.int_range(pl.len()),
        "patient_id": pl.col("patient_id"),
        "date": pl.lit(FIRST_DAY) + pl.duration(days=pl.col("day")),
        "measure": pl.lit("physician_global"),
        "value": pl.col("centimetres"),
        "unit": pl.lit("cm"),
    }
    return cohort.select(
        given.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in schema.items()
    )


def derive(
    assessment: pl.DataFrame, book: Any
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Derive visits, and changes against the first of them, as a run does against its regimen."""
    from heliotrope.derive.baselines import derive_baselines
    from heliotrope.derive.changes import derive_changes
    from heliotrope.derive.visits import derive_visit_values

    values = derive_visit_values(assessment, book)
    regimens = values.group_by("patient_id", maintain_order=True).agg(
        regimen=pl.lit(1, pl.Int32), first_infusion=pl.col("date").min()
    )
    baselines = derive_baselines(values, regimens, 0)
    return values, regimens, baselines, derive_changes(values, baselines, regimens)


def find_first(judged: pl.DataFrame) -> pl.DataFrame:
    """Find each child's first confirmed change: the days of onset and of confirmation."""
    return (
        judged.filter("truth:root")
        .select("patient_id", onset="date:held_days", confirmed="date")
        .unique("patient_id", keep="first", maintain_order=True)
    )


def count_days(first: pl.DataFrame, starts: Mapping[str, date]) -> Events:
    """Count both days from the child's first visit."""
    return {
        child: [(onset - starts[child]).days, (confirmed - starts[child]).days]
        for child, onset, confirmed in first.iter_rows()
    }


def compare(ours: Mapping[str, Events], answers: Iterable[Mapping[str, Any]]) -> str:
    """Count by way of asking the children whose verdicts or dates differ; stop if any is left."""
    answer, rows, left = iter(answers), [], 0
    for asking in ASKINGS:
        cells = [asking.name]
        left = 0
        for direction in EVENTS:
            for weeks in WEEKS:
                mine, theirs = ours[f"{direction}_{weeks}_weeks"], next(answer)["events"]
                verdicts = len(mine.keys() ^ theirs.keys())
                dates = sum(mine[child] != theirs[child] for child in mine.keys() & theirs.keys())
                cells.append(f"{len(theirs):,}: {verdicts} and {dates}")
                left += verdicts + dates
        rows.append(cells)
    if left:
        raise SystemExit(
            f"{left} verdicts or dates differ under the narrowest question: {rows[-1]}"
        )
    found = [
        f"{len(ours[f'{direction}_{weeks}_weeks']):,}" for direction in EVENTS for weeks in WEEKS
    ]
    header = [f"{direction}, {weeks} weeks" for direction in EVENTS for weeks in WEEKS]
    return draw_table([f"of {COMPARED:,} children", *header], [["heliotrope", *found], *rows])


def describe_speed(
    ours: Mapping[int, Mapping[str, Any]], answers: Iterable[Mapping[str, Any]]
) -> str:
    """Write subjects a second of both, and how many times as many."""
    timed = list(answers)[-len(TIMED_AT_PEER) :]
    speeds = {answer["children"]: answer["children"] / answer["seconds"] for answer in timed}
    best = max(speeds.values())
    rows = [
        ["pymsprog", f"{children:,}", f"{speed:,.0f}", "–"] for children, speed in speeds.items()
    ]
    for children, told in ours.items():
        for name, what in (
            ("seconds", "verdict and dates"),
            ("traced", "state table, whole trace"),
        ):
            speed = children / told[name]
            rows.append(
                [f"heliotrope: {what}", f"{children:,}", f"{speed:,.0f}", f"{speed / best:,.0f}"]
            )
    header = ["worsening, 12 weeks", "children", "children a second", "times the peer's best"]
    return draw_table(header, rows)


if __name__ == "__main__":
    main()
