"""Why the run says what it says of one child, down to the cell of the source file.

Reads the trace of a finished run, never the classifiers: what stands here is what was decided.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import polars as pl

from heliotrope.errors import ExitCode, UserError
from heliotrope.records.row_id import compute_source_cell
from heliotrope.report.read_run import RunTables, find_parts

Row = dict[str, Any]

NEAREST = 5

# The canonical unit of a measure that is a plain number.
NO_UNIT = "none"


@dataclass(frozen=True)
class Cell:
    """A cell of a source file that a decision used, or considered and rejected."""

    file: str | None
    sheet: str | None
    row: int | None
    column: str | None
    holds: str | None
    role: str
    reason: str | None


@dataclass(frozen=True)
class Node:
    """One criterion of a decision: its state, the comparison made and the criteria below it."""

    node: str
    state: str
    reason: str | None
    value: float | None
    unit: str | None
    operator: str | None
    threshold: float | None
    points: float | None
    label: str | None
    cells: tuple[Cell, ...]
    children: tuple[Node, ...]


@dataclass(frozen=True)
class Decision:
    """What one definition says of one child, regimen and (where it judges visits) date."""

    definition_id: str
    definition_version: str
    regimen: int | None
    date: datetime.date | None
    root: Node


@dataclass(frozen=True)
class Explanation:
    """Every decision a run made about one child, in the order definition, regimen, date."""

    patient_id: str
    decisions: tuple[Decision, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain dictionaries and lists; dates as ISO text."""
        content = asdict(self)
        for decision in content["decisions"]:
            date = decision["date"]
            decision["date"] = date.isoformat() if date else None
        return content


def explain_patient(run: Path, patient_id: str, definition_id: str | None = None) -> Explanation:
    """Read everything a run decided about one child, or what one definition decided.

    Errors: no run folder there (exit 2); a child or a definition the run does not know (exit 3,
    with the nearest known names).
    """
    tables = open_run(run)
    known = tables.traced_definitions()
    if definition_id is not None and definition_id not in known:
        raise _unknown_definition(known, definition_id)
    mine = tables.trace([patient_id], known if definition_id is None else [definition_id])
    if mine.is_empty():
        raise _nothing_traced(run, patient_id, definition_id)
    cells = _read_cells(tables, patient_id, mine["trace_id"])
    keys = ["definition_id", "definition_version", "regimen", "date"]
    decisions = mine.sort("definition_id", "regimen", "date", "trace_id", nulls_last=False)
    return Explanation(
        patient_id=patient_id,
        decisions=tuple(
            Decision(name, version, regimen, date, _build_root(rows.to_dicts(), cells))
            for (name, version, regimen, date), rows in decisions.group_by(
                keys, maintain_order=True
            )
        ),
    )


def open_run(run: Path) -> RunTables:
    """Open a finished run folder.

    >>> open_run(Path("no-such-run"))
    Traceback (most recent call last):
    heliotrope.errors.UserError: ...
    """
    if not (run / "manifest.json").is_file():
        raise UserError(
            "a finished run folder (it holds manifest.json)",
            str(run),
            "give the folder that was named with --out; `heliotrope demo` makes one",
            ExitCode.USAGE,
        )
    return RunTables(run)


def _nothing_traced(run: Path, patient_id: str, definition_id: str | None) -> UserError:
    trace = pl.scan_parquet(find_parts(run / "trace", "trace"))
    known = trace.select(pl.col("patient_id").unique().sort()).collect()["patient_id"].to_list()
    if patient_id in known and definition_id is not None:
        mine = trace.filter(pl.col("patient_id") == patient_id).select("definition_id")
        return _unknown_definition(sorted(set(mine.collect()["definition_id"])), definition_id)
    return _unknown_patient(known, patient_id)


def _unknown_patient(known: list[str], patient_id: str) -> UserError:
    nearest = get_close_matches(patient_id, known, n=NEAREST, cutoff=0) or known[:NEAREST]
    return UserError(
        f"the pseudonym of one of the {len(known)} children of this run",
        patient_id,
        f"write it as the source does; the nearest are {', '.join(nearest)}"
        if nearest
        else "this run has no children: run a study that has some",
    )


def _unknown_definition(known: list[str], definition_id: str) -> UserError:
    nearest = get_close_matches(definition_id, known, n=1)
    hint = f"did you mean {nearest[0]}? " if nearest else ""
    return UserError(
        "a definition that this run applied to the child",
        definition_id,
        f"{hint}the run applied {', '.join(known)}",
    )


def _build_root(rows: list[Row], cells: Mapping[int, tuple[Cell, ...]]) -> Node:
    """Put the nodes of one decision into their tree; a node without its parent hangs on the root.

    Edge cases: a node that is its own ancestor is shown once.
    """
    names = {row["node"] for row in rows}
    below: dict[str | None, list[Row]] = {}
    for row in rows:
        is_top = row["node"] == "root" or row["parent"] is None
        parent = row["parent"] if row["parent"] in names else "root"
        below.setdefault(None if is_top else parent, []).append(row)

    def build(row: Row, above: frozenset[str]) -> Node:
        name = row["node"]
        seen = above | {name}
        return Node(
            **{field: row[field] for field in ("node", "state", "reason", "value", "unit")},
            **{field: row[field] for field in ("operator", "threshold", "points", "label")},
            cells=cells.get(row["trace_id"], ()),
            children=tuple(build(row, seen) for row in below.get(name, []) if name not in above),
        )

    tops = sorted(below[None], key=lambda row: row["node"] != "root")
    return build(tops[0], frozenset())


def _read_cells(
    tables: RunTables, patient_id: str, trace_ids: pl.Series
) -> dict[int, tuple[Cell, ...]]:
    """Read the source cells behind the nodes: file, row and column, and what was read there."""
    links = tables.trace_sources(trace_ids)
    columns = ["source", "column", "column_name"]
    files = tables.sources.select("source", "file", "sheet", "first_row").unique("source")
    placed = (
        links.with_columns(compute_source_cell(pl.col("row_id")))
        .join(_integers(files), on="source", how="left")
        .join(_integers(tables.sources.select(columns)), on=["source", "column"], how="left")
        .with_columns((pl.col("first_row") + pl.col("record")).alias("row"))
        .join(_read_holdings(tables, patient_id), on="row_id", how="left")
        .sort("trace_id", "role", "file", "row", descending=[False, True, False, False])
    )
    cells: dict[int, tuple[Cell, ...]] = {}
    for row in placed.to_dicts():
        cell = Cell(
            file=row["file"],
            sheet=row["sheet"],
            row=row["row"],
            column=row["column_name"],
            holds=row["holds"],
            role=row["role"],
            reason=row["reason"],
        )
        cells[row["trace_id"]] = (*cells.get(row["trace_id"], ()), cell)
    return cells


def _integers(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.selectors.integer().cast(pl.Int64))


# The columns that say in a line what a canonical row holds; the patient is known already.
HOLDINGS: dict[str, tuple[str, ...]] = {
    "assessment": ("date", "measure", "value_qualifier", "value", "unit", "text"),
    "infusion": ("date", "route", "dose", "dose_unit", "product"),
    "medication": ("start_date", "end_date", "drug", "route", "dose", "dose_unit", "stop_reason"),
    "event": ("date", "kind", "term", "value", "unit"),
    "indication": ("date", "reason", "text"),
    "patient": ("diagnosis_date", "followup_end"),
}


def _read_holdings(tables: RunTables, patient_id: str) -> pl.DataFrame:
    """Say in a line what was read at each row_id, e.g. ``2019-03-04 creatine_kinase 850 U/L``."""
    found = [
        tables.record(table, [patient_id]).select(
            "row_id",
            pl.concat_str(_as_text(columns), separator=" ", ignore_nulls=True).alias("holds"),
        )
        for table, columns in HOLDINGS.items()
    ]
    return pl.concat(found).unique("row_id", keep="first", maintain_order=True)


def _as_text(columns: Iterable[str]) -> list[pl.Expr]:
    """Write numbers without a trailing '.0' and no unit where there is none."""
    texts = [pl.col(name).cast(pl.String).str.strip_suffix(".0") for name in columns]
    return [pl.when(text != NO_UNIT).then(text) for text in texts]
