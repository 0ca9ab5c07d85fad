"""Evaluate one child with very many rows: the time of a row must not grow with their number.

``python benchmarks/one_child.py [ROWS...]`` (10,000, 30,000 and 100,000): a child rated every day
in every measure of the core sets, with infusions, drugs and events among the rows, and one most of
whose rows are doses given, many a day, as a ward records them. Evaluated under every definition
with the whole trace, each in a process of its own. ``--profile KIND ROWS`` prints where the time
goes. Rewrites its part of README.md.
"""

from __future__ import annotations

import cProfile
import json
import math
import pstats
import resource
import subprocess
import sys
import time
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from draw_shard import list_measures
from machine import describe_machine, draw_table, write_part

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.shard import Shard

SIZES = (10_000, 30_000, 100_000)
FIRST_DAY = date(1900, 1, 1)
SEED = 20
CHILD = "P1"
LIMIT_OF_ENZYMES = 40.0

# Of a hundred rows of a kind of child: infusions, drugs and events; the rest are measures.
OTHERS_OF_A_HUNDRED = {
    "measures": {"infusion": 1, "medication": 3, "event": 1},
    "doses": {"infusion": 1, "medication": 60, "event": 1},
}


def main() -> None:
    """Measure every size in a process of its own, print, write."""
    if "--one" in sys.argv:
        sys.stdout.write(json.dumps(measure(sys.argv[-2], int(sys.argv[-1]))))
        return
    if "--profile" in sys.argv:
        profile(sys.argv[-2], int(sys.argv[-1]))
        return
    sizes = [int(word) for word in sys.argv[1:]] or list(SIZES)
    rows = []
    for kind in OTHERS_OF_A_HUNDRED:
        for size in sizes:
            command = [sys.executable, __file__, "--one", kind, str(size)]
            told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            rows.append([kind, f"{size:,}", *describe(told, size)])
            sys.stdout.write(" | ".join(rows[-1]) + "\n")
            sys.stdout.flush()
    header = ["mostly", "rows of one child", "seconds", "microseconds a row", "peak memory, GiB"]
    header += ["trace rows"]
    text = f"{describe_machine()}; seconds of the processor.\n\n{draw_table(header, rows)}"
    write_part("one_child", text)


def describe(told: dict[str, Any], rows: int) -> list[str]:
    """Write what one evaluation took."""
    return [
        f"{told['seconds']:.1f}",
        f"{1e6 * told['seconds'] / rows:,.0f}",
        f"{told['peak_gib']:.1f}",
        f"{told['trace']:,}",
    ]


def measure(kind: str, rows: int) -> dict[str, Any]:
    """Evaluate the child; give seconds of the processor, the peak and the trace rows."""
    rulebook = read_rulebook()
    shard = draw_child(rulebook, kind, rows)
    began = time.process_time()
    evaluation = evaluate(shard, rulebook)
    trace = evaluation.numbered.whole
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds, "peak_gib": peak, "trace": trace.rows.height}


def profile(kind: str, rows: int) -> None:
    """Print the functions of this program that take the most time, with what they call."""
    rulebook = read_rulebook()
    shard = draw_child(rulebook, kind, rows)
    profiler = cProfile.Profile()
    profiler.runcall(evaluate, shard, rulebook)
    pstats.Stats(profiler).sort_stats("cumulative").print_stats("heliotrope", 45)


def draw_child(rulebook: Rulebook, kind: str, rows: int) -> Shard:
    """Draw a child with so many rows: a day, a rating of every measure of the core sets."""
    random = np.random.default_rng(SEED)
    shares = OTHERS_OF_A_HUNDRED[kind]
    counts = {name: rows * share // 100 for name, share in shares.items()}
    measures = list_measures(rulebook)
    days = math.ceil((rows - sum(counts.values())) / len(measures))
    value = random.random((len(measures), days))
    low = np.array([[item.minimum or 0.0] for item in measures])
    high = np.array([[item.maximum or 4 * LIMIT_OF_ENZYMES] for item in measures])
    assessment = pl.DataFrame(
        {
            "measure": np.repeat([item.id for item in measures], days),
            "day": np.tile(np.arange(days), len(measures)),
            "value": (low + value * (high - low)).round(1).ravel(),
            "upper_limit": [
                LIMIT_OF_ENZYMES if item.maximum is None else None
                for item in measures
                for _ in range(days)
            ],
        }
    )
    every = {name: pl.Series(np.arange(count) * days // count) for name, count in counts.items()}
    infusion = pl.DataFrame({"day": every["infusion"]}).with_columns(
        route=pl.lit("iv"), dose=pl.lit(40.0), dose_unit=pl.lit("g")
    )
    medication = pl.DataFrame({"day": every["medication"]}).with_columns(
        drug=pl.lit("prednisone"),
        route=pl.lit("oral"),
        dose=pl.Series(random.integers(1, 60, counts["medication"])),
        dose_unit=pl.lit("mg/day"),
        every_n_days=pl.lit(1),
        is_ongoing=pl.lit(False),
        start_date=_on(pl.col("day")),
        end_date=_on(pl.col("day").shift(-1, fill_value=days) - 1),
    )
    event = pl.DataFrame({"day": every["event"]}).with_columns(
        kind=pl.lit("adverse_event"), term=pl.lit("fever"), value=pl.lit(38.5)
    )
    drawn = {
        "patient": pl.DataFrame({"day": [days]}).with_columns(followup_end=_on(pl.col("day"))),
        "assessment": assessment,
        "infusion": infusion,
        "medication": medication,
        "event": event,
    }
    return Shard.from_tables(
        {name: _complete(drawn.get(name), name, place) for place, name in enumerate(CANONICAL)}
    )


def _on(day: pl.Expr) -> pl.Expr:
    return pl.lit(FIRST_DAY) + pl.duration(days=day)


def _complete(drawn: pl.DataFrame | None, name: str, place: int) -> pl.DataFrame:
    """Add row ids, the child, the date and the columns that were not drawn."""
    empty = CANONICAL[name].create_empty()
    if drawn is None:
        return empty
    given = {
        "row_id": pl.int_range(pl.len()) + place * 10**9,
        "patient_id": pl.lit(CHILD),
        "date": _on(pl.col("day")),
        **{column: pl.col(column) for column in drawn.columns},
    }
    return drawn.select(
        given.get(column, pl.lit(None)).cast(kind).alias(column)
        for column, kind in empty.schema.items()
    )


if __name__ == "__main__":
    main()
