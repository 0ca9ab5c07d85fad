"""How fast OMOP tables are read, and with how much memory, beside pandas and the same tables.

Run as ``python benchmarks/read_omop.py [--quick]``; pandas is measured where it is installed. Each
way runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import polars as pl
from machine import describe_machine, draw_table, write_part

CHILDREN, QUICK = 6_000, 300
SEED = 7

# Of so many persons one is a child with JDM; the others have the same rows and another diagnosis.
ONE_IN = 20
ANOTHER_CONCEPT = "4112343"

WAYS = ("polars_all", "reader_all", "reader_cohort", "pandas_all", "pandas_cohort")
SAID = {
    "polars_all": "this reader: nothing but opening the tables (count)",
    "reader_all": "this reader, everyone, laid out as ours",
    "reader_cohort": "this reader, the cohort (1 person in 20)",
    "pandas_all": "pandas, every cell as text, everyone",
    "pandas_cohort": "pandas, every cell as text, the cohort by one code",
}
TABLES = ("person", "condition_occurrence", "drug_exposure", "measurement", "observation")


def main() -> None:
    """Write the tables, measure each way in its own process, print and write the figures."""
    if len(sys.argv) > 2 and sys.argv[1] == "--one":
        sys.stdout.write(json.dumps(measure(sys.argv[2], Path(sys.argv[3]))))
        return
    is_quick = "--quick" in sys.argv
    with tempfile.TemporaryDirectory() as folder:
        size, rows = write_tables(Path(folder), QUICK if is_quick else CHILDREN)
        ways = [way for way in WAYS if not way.startswith("pandas") or find_spec("pandas")]
        lines = []
        for way in ways:
            answer = subprocess.run(
                [sys.executable, __file__, "--one", way, folder], check=True, capture_output=True
            )
            found = json.loads(answer.stdout)
            lines.append(
                [
                    SAID[way],
                    f"{found['seconds']:.2f}",
                    f"{rows / found['seconds']:,.0f}",
                    f"{found['peak']:.2f}",
                    f"{found['kept']:,}",
                ]
            )
    header = ["way", "seconds", "rows a second", "peak memory, GiB", "rows kept"]
    table = draw_table(header, lines)
    text = f"{describe_machine()}. {rows:,} rows in CSV files of {size / 1e6:.0f} MB.\n\n{table}"
    sys.stdout.write(text + "\n")
    if not is_quick:
        write_part("read_omop", text)


def write_tables(folder: Path, children: int) -> tuple[int, int]:
    """Write a cohort in which few persons have JDM; return bytes and rows."""
    from heliotrope.simulate.folder import SimulationOrder, write_simulated_study

    write_simulated_study(SimulationOrder(children, SEED, "omop"), folder / "study")
    path = folder / "study" / "cdm" / "CONDITION_OCCURRENCE.csv"
    conditions = pl.read_csv(path, infer_schema=False)
    is_stranger = pl.col("person_id").cast(pl.Int64) % ONE_IN != 0
    conditions.with_columns(
        pl.when(is_stranger)
        .then(pl.lit(ANOTHER_CONCEPT))
        .otherwise("condition_concept_id")
        .alias("condition_concept_id")
    ).write_csv(path)
    files = list(path.parent.glob("*.csv"))
    rows = sum(pl.scan_csv(item, infer_schema=False).select(pl.len()).collect().item()
               for item in files)  # fmt: skip
    return sum(item.stat().st_size for item in files), rows


def measure(way: str, folder: Path) -> dict[str, float]:
    """Measure one way in this process."""
    started = time.perf_counter()
    kept = _read(way, folder / "study")
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds, "peak": peak, "kept": kept}


def _read(way: str, study: Path) -> int:
    tool, _, what = way.partition("_")
    if tool == "pandas":
        return _read_pandas(study / "cdm", is_cohort=what == "cohort")
    from heliotrope.definitions.load import read_rulebook
    from heliotrope.ingest.context import make_context
    from heliotrope.ingest.declared import OmopSource
    from heliotrope.ingest.omop.reading import open_store, read_model
    from heliotrope.ingest.omop.store import Where

    context = make_context(read_rulebook())
    cohort = "jdm" if what == "cohort" else "everyone"
    source = OmopSource(form="omop", file="cdm", cohort=cohort)
    if tool == "polars":
        store = open_store(study, source, context)
        return sum(store.count(table, Where()) for table in TABLES)
    delivery = read_model(study, source, context, lambda _: None)
    return sum(item.rows.height for item in delivery.staged)


def _read_pandas(folder: Path, *, is_cohort: bool) -> int:
    """Do what a script would: read all as text, keep the rows of the persons."""
    import pandas

    tables = {name: pandas.read_csv(folder / f"{name.upper()}.csv", dtype=str) for name in TABLES}
    persons = set(tables["person"]["person_id"])
    if is_cohort:
        conditions = tables["condition_occurrence"]
        is_jdm = conditions["condition_concept_id"] != ANOTHER_CONCEPT
        persons = set(conditions[is_jdm]["person_id"])
    return sum(int(table["person_id"].isin(persons).sum()) for table in tables.values())


if __name__ == "__main__":
    main()
