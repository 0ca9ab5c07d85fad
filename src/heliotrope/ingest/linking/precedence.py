"""Where two sources record the same thing, one of them counts: which, and what they disagree on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from heliotrope.ingest.delivery import Numbered
from heliotrope.ingest.findings import make_source_table
from heliotrope.ingest.mapping import TableName
from heliotrope.ingest.problems import say_number
from heliotrope.ingest.settle import LOCATED, make_late_problems
from heliotrope.records.exact import DECIMALS
from heliotrope.records.row_id import compute_source_cell


@dataclass(frozen=True)
class Sameness:
    """When rows of two sources record the same thing, and in what they can then disagree.

    key: columns that are then equal. content: columns compared; what one does not say is no
    disagreement. decisive: without it a row says too little to count before another.
    is_summed: several rows of a source on one key make one amount.
    """

    key: tuple[str, ...]
    content: tuple[str, ...]
    decisive: tuple[str, ...] = ()
    is_summed: bool = False


SAME: dict[str, Sameness] = {
    "patient": Sameness(
        ("patient_id",),
        ("sex", "birth_date", "onset_date", "diagnosis_date", "diagnosis", "antibody", "site",
         "followup_end", "death_date"),
        ("sex", "birth_date", "diagnosis_date"),
    ),
    "assessment": Sameness(("patient_id", "date", "measure"), ("value", "text")),
    "infusion": Sameness(
        ("patient_id", "date"), ("dose", "dose_unit", "route"), ("dose",), is_summed=True
    ),
    "medication": Sameness(
        ("patient_id", "drug", "route", "start_date"),
        ("dose", "dose_unit", "every_n_days", "end_date"),
        ("dose",),
    ),
    "event": Sameness(("patient_id", "date", "kind", "term"), ("value", "grade", "end_date")),
    "indication": Sameness(("patient_id", "reason"), ("date",)),
    "adjudication": Sameness(("patient_id", "regimen", "rater"), ("pattern",)),
}  # fmt: skip


@dataclass(frozen=True)
class Sources:
    """The sources of a study by number, and their order for each table.

    names: number to name. order: the names in the order of study.toml. precedence: the order that
    study.toml declares for a table. columns: the table of sources, for the places of cells.
    """

    names: Mapping[int, str]
    order: Sequence[str]
    precedence: Mapping[str, Sequence[str]]
    columns: pl.DataFrame

    def rank(self, table: str) -> dict[int, int]:
        """Return the place of every source in the order for a table; undeclared ones come last."""
        first = list(self.precedence.get(table, ()))
        ordered = list(dict.fromkeys([*first, *self.order, *sorted(self.names.values())]))
        places = {name: place for place, name in enumerate(ordered)}
        return {number: places[name] for number, name in self.names.items()}


def make_sources(
    numbered: Numbered, order: Sequence[str], precedence: Mapping[TableName, Sequence[str]]
) -> Sources:
    """Gather what is known of the sources of a study."""
    names = {number: numbered.source_name(number) for number in range(len(numbered.raws))}
    declared: dict[str, Sequence[str]] = {str(table): given for table, given in precedence.items()}
    return Sources(names, order, declared, make_source_table(numbered.raws))


def check_sources(table: str, rows: pl.DataFrame, sources: Sources) -> pl.DataFrame:
    """Find rows of different sources that record the same thing; only those of one source stay.

    Rule: per key, the source that comes first for the table counts; one that does not give what
    decides (the dose of an infusion) comes after one that does. All rows of the other sources are
    left out, as superseded. Values that differ are a finding with both cells, an error where
    study.toml declares no order for the table. Nothing is averaged or filled in.
    Ties: two rows of one source are no matter of precedence and stay.
    """
    same = SAME[table]
    placed = rows.with_columns(compute_source_cell(pl.col("row_id"))[0])
    placed = placed.with_columns(
        source_name=pl.col("source").replace_strict(sources.names, return_dtype=pl.String)
    )
    if placed["source_name"].n_unique() < 2:
        return pl.DataFrame(schema=LOCATED)
    is_shared = pl.col("source_name").n_unique().over(same.key) > 1
    shared = placed.filter(is_shared)
    if shared.is_empty():
        return pl.DataFrame(schema=LOCATED)
    by_source = _sum_up(shared, same, sources.rank(table))
    winner = by_source.group_by(same.key, maintain_order=True).first()
    rivals = by_source.join(
        winner, on=same.key, how="inner", nulls_equal=True, suffix="_counts", maintain_order="left"
    ).filter(pl.col("source_name") != pl.col("source_name_counts"))
    losing = shared.join(
        rivals.select(*same.key, "source_name", "source_name_counts"),
        on=[*same.key, "source_name"],
        nulls_equal=True,
        maintain_order="left",
    )
    said = pl.format("{} counts", pl.col("source_name_counts"))
    conflicts = _find_conflicts(table, rivals, sources)
    return pl.concat(
        [
            conflicts,
            make_late_problems(
                table, losing.select(*rows.columns, "source_name_counts"),
                "superseded_by_source", found=said,
            ),
        ]
    )  # fmt: skip


def _sum_up(shared: pl.DataFrame, same: Sameness, rank: Mapping[int, int]) -> pl.DataFrame:
    """Say what each source records on each key, as text; the source that counts first."""
    is_decided = (
        pl.any_horizontal(pl.col(name).is_not_null().any() for name in same.decisive)
        if same.decisive
        else pl.lit(value=True)
    )
    return (
        shared.sort("row_id")
        .group_by(*same.key, "source_name", maintain_order=True)
        .agg(
            pl.col("row_id").first(),
            pl.col("source").first().replace_strict(dict(rank), return_dtype=pl.Int64)
            .alias("rank"),
            is_decided.alias("is_decided"),
            *(_say(name, shared.schema[name], same).alias(f"said_{name}") for name in same.content),
        )
        .sort(*same.key, "is_decided", "rank", descending=[*(False for _ in same.key), True, False])
    )  # fmt: skip


def _say(name: str, dtype: pl.DataType, same: Sameness) -> pl.Expr:
    """Write what the rows of one source say in one column; null where they do not say all."""
    column = pl.col(name)
    if dtype == pl.Float64:
        column = column.round(DECIMALS)
        if same.is_summed:
            whole = column.is_not_null().all()
            return pl.when(whole).then(say_number(column.sum().round(DECIMALS)))
        texts = say_number(column)
    elif dtype == pl.Date:
        texts = column.dt.to_string("%Y-%m-%d")
    else:
        texts = column.cast(pl.String)
    known = texts.drop_nulls()
    return pl.when(known.len() > 0).then(known.unique().sort().str.join(", "))


def _find_conflicts(table: str, rivals: pl.DataFrame, sources: Sources) -> pl.DataFrame:
    """Find where a losing source says something else than the one that counts, in which cells."""
    same = SAME[table]
    differs = {name: pl.col(f"said_{name}") != pl.col(f"said_{name}_counts")
               for name in same.content}  # fmt: skip
    is_conflict = pl.any_horizontal(test.fill_null(value=False) for test in differs.values())
    found = rivals.filter(is_conflict)
    if found.is_empty():
        return pl.DataFrame(schema=LOCATED)
    place = _say_places(found["row_id_counts"], sources.columns)
    parts = [
        pl.when(test.fill_null(value=False)).then(
            pl.format("{} {} here, {} there", pl.lit(name), f"said_{name}", f"said_{name}_counts")
        )
        for name, test in differs.items()
    ]
    about = [pl.col(name).cast(pl.String) for name in same.key if name != "patient_id"]
    what = pl.concat_str([pl.lit(table), *about], separator=" ", ignore_nulls=True)
    said = pl.concat_str(
        [
            what,
            pl.lit(": "),
            pl.concat_list(parts).list.drop_nulls().list.join("; "),
            pl.lit(" ("),
            pl.lit(place),
            pl.lit(", which counts)"),
        ]
    )
    rule = "sources_disagree" if table in sources.precedence else "sources_disagree_undecided"
    return make_late_problems(table, found, rule, found=said)


def _say_places(row_ids: pl.Series, columns: pl.DataFrame) -> pl.Series:
    """Name file, row and column of cells."""
    cells = pl.select(row_id=row_ids).with_columns(compute_source_cell(pl.col("row_id")))
    named = cells.join(
        columns.with_columns(pl.col("source", "column").cast(pl.Int64)),
        on=["source", "column"],
        how="left",
        maintain_order="left",
    )
    sheet = pl.format(", sheet {}", pl.col("sheet")).fill_null("")
    row = pl.col("record") + pl.col("first_row")
    return named.select(
        pl.format("{}{}, row {}, column {}", "file", sheet, row, "column_name").alias("place")
    )["place"]
