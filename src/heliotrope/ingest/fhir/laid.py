"""The tables of resources as sources: their cells, their columns, and rows laid out of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from operator import itemgetter

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.archive import Files
from heliotrope.ingest.columns import TABLE_COLUMNS
from heliotrope.ingest.fhir.collect import Collected, Place, Resources
from heliotrope.ingest.fhir.layout import Layout
from heliotrope.ingest.mapping import Format
from heliotrope.ingest.problems import gather_problems, make_problems
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import (
    NO_SUBJECT,
    Staged,
    clean,
    empty_rows,
    find_value_column,
    no_problems,
)
from heliotrope.records.row_id import SOURCE_BITS

OTHERS = "other resources"
DAMAGED = "damaged"

NOT_USED = "resource_not_used"
NO_RESOURCE = "entry_without_resource"
UNREADABLE = "resource_unreadable"
BROKEN = "broken_reference"

# Numbers and dates are written in one way in all of FHIR.
WRITTEN = Format(decimal=".", date_format="YMD")

# The canonical table under which a damaged resource is quarantined.
_TABLE_OF = {
    "Patient": "patient",
    "MedicationAdministration": "infusion",
    "MedicationStatement": "medication",
    "MedicationRequest": "medication",
    "Medication": "medication",
    "AdverseEvent": "event",
    "Condition": "event",
    "Encounter": "event",
}


@dataclass
class Laid:
    """The resources of one type in one file, ready to be laid out.

    rows: ``record``, ``patient_id``, the columns of the layout and what was looked up. parts: the
    same of its repeated element. passed_over: what is not among the rows, by rule. missing: words
    for 'not recorded'. on_disk: further rows that wait. indexes: the names of the repeated elements
    of all rows, where these are some of them.
    """

    place: Place
    layout: Layout
    rows: pl.DataFrame
    parts: pl.DataFrame
    passed_over: Counter[str]
    raw: RawTable | None = None
    missing: tuple[str, ...] = ()
    on_disk: int = 0
    indexes: frozenset[str] | None = None

    @property
    def kind(self) -> str:
        """Return the resource type."""
        return self.place[1]

    @property
    def width(self) -> int:
        """Return how many columns the source has."""
        return len(self.layout.header) + len(self.list_parts()) * len(self.layout.part_header)

    def pass_over(self, rule: str, is_out: pl.Expr) -> None:
        """Take rows out by a rule and count them."""
        is_gone = is_out.fill_null(False)
        gone = self.rows.filter(is_gone).height
        if gone:
            self.passed_over[rule] += gone
            self.rows = self.rows.filter(~is_gone)
            self.parts = self.parts.join(self.rows, on="record", how="semi")

    def number(self, column: str) -> int:
        """Return the number of a column."""
        assert self.raw is not None
        return self.raw.header.index(column)

    def source(self) -> RawTable:
        """Return the source made of these rows."""
        assert self.raw is not None
        return self.raw

    def list_parts(self) -> list[str]:
        """Return the names of the repeated elements that the source has, in order."""
        found = self.parts["index"].unique() if self.indexes is None else self.indexes
        return sorted(found, key=lambda text: (len(text), text))


@dataclass(frozen=True)
class Plan:
    """Rows to be laid out as one canonical table.

    columns: our column = the element it is read from; a column of the rows that is not named here
    is a constant. also: further elements read. value: the element that row_id points at, where
    the table has no such column of ours.
    """

    table: str
    rows: pl.DataFrame
    columns: Mapping[str, str]
    also: tuple[str, ...] = ()
    value: str | None = None
    problems: tuple[pl.DataFrame, ...] = field(default=())


def stage(laid: Laid, plan: Plan) -> Staged:
    """Lay rows out as a canonical table: text under our names, each with its element."""
    numbers = {ours: laid.number(theirs) for ours, theirs in plan.columns.items()}
    decisive = laid.number(plan.value) if plan.value else None
    known = [spec.name for spec in TABLE_COLUMNS[plan.table] if spec.name in plan.rows.columns]
    return Staged(
        plan.table,
        laid.source(),
        plan.rows.select(
            "record", *(clean(pl.col(name), [*laid.missing], {}).alias(name) for name in known)
        ),
        numbers,
        find_value_column(plan.table, numbers, decisive) if decisive is None else decisive,
        format=WRITTEN,
        also_read=frozenset(laid.number(name) for name in plan.also),
        problems=gather_problems(plan.problems) if plan.problems else no_problems(),
    )


def find_broken(laid: Laid) -> pl.DataFrame:
    """Find the resources whose subject, or preparation, leads nowhere."""
    subject = laid.number("subject.reference")
    lost = laid.rows.filter(pl.col("patient_id").is_null())
    problems = [
        make_problems(
            lost.filter(pl.col("subject.reference").is_not_null()),
            BROKEN, column=subject, found=pl.col("subject.reference"),
        ),
        make_problems(
            lost.filter(pl.col("subject.reference").is_null()),
            NO_SUBJECT, column=subject, found="no reference to a person",
        ),
    ]  # fmt: skip
    if "is_lost" in laid.rows.columns:
        unknown = laid.rows.filter(pl.col("is_lost"))
        drug = laid.number("medication[x]")
        found = pl.col("medication_reference")
        problems.append(make_problems(unknown, BROKEN, column=drug, found=found))
    return gather_problems(problems)


def stage_broken(laid: Laid, table: str) -> Staged:
    """Quarantine the resources whose subject leads nowhere, where nothing else is laid out."""
    nothing = laid.rows.clear()
    columns = {"patient_id": "subject.reference"}
    plan = Plan(table, nothing, columns, value="subject.reference", problems=(find_broken(laid),))
    return stage(laid, plan)


def without(rows: pl.DataFrame, problems: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that no problem refuses."""
    return rows.join(problems, on="record", how="anti")


def make_sources(files: Files, found: Resources, laid: Iterable[Laid]) -> list[RawTable]:
    """Make a source of every table of resources, of those not read and of what is damaged.

    Errors: more sources than a study can tell apart: UserError.
    """
    raws = []
    blanks, kinds = make_blanks(files, found), _list_kinds(found)
    for item in laid:
        item.raw = fill_source(blanks[item.place], item)
        raws.append(item.raw)
    for member, others in found.others.items():
        counts = Counter({NOT_USED: others.total(), NO_RESOURCE: found.empty[member]})
        if counts.total():
            empty = pl.DataFrame(schema={"0": pl.String})
            place = _place(files, kinds, (member, OTHERS))
            raws.append(_make_raw(files, member, place, ("resourceType",), empty, counts))
    if len(raws) >= 1 << SOURCE_BITS:
        raise UserError(
            f"at most {1 << SOURCE_BITS:,} files times resource types",
            Found(f"{len(raws):,}", files.name),
            "export as NDJSON, one file a resource type, or join the bundles",
        )
    return raws


def make_damaged(files: Files, found: Resources) -> list[Staged]:
    """Quarantine the lines and entries that cannot be read, as they stand."""
    staged, kinds_of = [], _list_kinds(found)
    for member, damaged in found.damaged.items():
        frame = pl.DataFrame(
            damaged,
            schema={"record": pl.Int64, "kind": pl.String, "why": pl.String, "0": pl.String},
            orient="row",
        )
        frame = frame.unique("record", keep="first", maintain_order=True).sort("record")
        place = _place(files, kinds_of, (member, DAMAGED))
        raw = _make_raw(files, member, place, ("resource",), frame.select("0"), Counter())
        raw = replace(raw, records=frame["record"])
        kinds = [kind for _, kind, _, _ in sorted(damaged, key=itemgetter(0)) if kind]
        main = Counter(kinds or [kind for there, kind in found.tables if there == member])
        table = _TABLE_OF.get(main.most_common(1)[0][0] if main else "", "assessment")
        problems = make_problems(frame, UNREADABLE, column=0, found=pl.col("why"))
        staged.append(Staged(table, raw, empty_rows(table), {}, 0, problems=problems))
    return staged


def _list_kinds(found: Resources) -> dict[str, set[str]]:
    """Return what each file holds: resource types, others, damaged ones."""
    kinds: dict[str, set[str]] = {}
    for member, kind in found.tables:
        kinds.setdefault(member, set()).add(kind)
    for member in (*found.others, *found.empty):
        if found.others.get(member) or found.empty[member]:
            kinds.setdefault(member, set()).add(OTHERS)
    for member in found.damaged:
        kinds.setdefault(member, set()).add(DAMAGED)
    return kinds


def _place(files: Files, kinds: Mapping[str, set[str]], place: Place) -> tuple[str, str | None]:
    """Return file and sheet: the resource type is named where a file has several."""
    member, kind = place
    file, sheet = files.place(member)
    if len(kinds.get(member, ())) < 2:
        return file, sheet
    return file, f"{sheet}, {kind}" if sheet else kind


def make_blanks(files: Files, found: Resources) -> dict[Place, RawTable]:
    """Make the source of every table of resources, without columns and rows."""
    kinds, empty = _list_kinds(found), pl.DataFrame()
    return {
        place: _make_raw(files, place[0], _place(files, kinds, place), (), empty, Counter())
        for place in found.tables
    }


def fill_source(blank: RawTable, laid: Laid) -> RawTable:
    """Put columns and rows into the source of a table."""
    header = list(laid.layout.header)
    cells = laid.rows.select("record", *header)
    for index in laid.list_parts():
        part = laid.parts.filter(pl.col("index") == index)
        named = {name: laid.layout.part_name(index, name) for name in laid.layout.part_header}
        header += named.values()
        part = part.select("record", *(pl.col(a).alias(b) for a, b in named.items()))
        cells = cells.join(part, on="record", how="left", maintain_order="left")
    records = cells["record"]
    cells = cells.drop("record")
    cells.columns = [str(number) for number in range(len(header))]
    return replace(
        blank, header=tuple(header), cells=cells, records=records, on_disk=laid.on_disk,
        passed_over=_sort(laid.passed_over),
    )  # fmt: skip


def _sort(passed_over: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple((rule, count) for rule, count in sorted(passed_over.items()) if count)


def _make_raw(
    files: Files,
    member: str,
    place: tuple[str, str | None],
    header: tuple[str, ...],
    cells: pl.DataFrame,
    passed_over: Counter[str],
) -> RawTable:
    counted = _sort(passed_over)
    return RawTable(*place, files.hash(member), header, cells, first_row=1, passed_over=counted)


def lay_out(place: Place, table: Collected) -> Laid:
    """Take the rows of one table of resources to be laid out."""
    return Laid(place, table.layout, table.frame(), table.parts(), Counter(table.passed_over))
