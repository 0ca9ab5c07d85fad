"""OMOP tables in a folder or a zip: CSV with or without a header, comma or tab, or Parquet."""

from __future__ import annotations

import codecs
import csv
import shutil
import tempfile
import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import polars as pl

from heliotrope.definitions.omop_model import OmopModel, OmopTable
from heliotrope.errors import Found, UserError
from heliotrope.ingest.archive import Files, check_files_unchanged
from heliotrope.ingest.mapping import Format
from heliotrope.ingest.omop.store import Where, as_text, to_expression
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.tabular.delimited import find_separator

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")
RECORD = "record"

# Why the rows of a table are left where they are.
NOT_USED, LOOKED_UP = "table_not_used", "vocabulary_looked_up"

_HEAD = 1 << 16
_BLOCK = 1 << 22
# Rows of a table that are held at once where it is read in batches.
BATCH = 100_000
_WINDOWS = "cp1252"


@dataclass(frozen=True)
class _Member:
    """One file: the table it holds, where it lies unpacked, and how it is written."""

    table: str
    name: str
    path: Path
    columns: tuple[str, ...]
    separator: str | None = None
    has_header: bool = True
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def first_row(self) -> int:
        return 2 if self.separator is not None and self.has_header else 1


@dataclass
class FileStore:
    """The tables of a folder or zip; a packed file is unpacked once, into a temporary folder.

    Text is parsed once, in batches, into Parquet there; rows are filtered while that is read in
    batches, so that a table larger than the memory costs the memory of its wanted rows only.
    """

    can_wait = True

    files: Files
    model: OmopModel
    written: Format = field(default_factory=Format)
    members: dict[str, _Member] = field(default_factory=dict)
    _folder: Path | None = None
    _parsed: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = {table.name: table for table in self.model.tables}
        for name in self.files.names:
            table = name_table(name)
            if table is None:
                continue
            if table in self.members:
                raise UserError(
                    f"one file for the table {table}",
                    Found(f"{self.members[table].name} and {name}", self.files.name),
                    "remove one of them",
                )
            self.members[table] = self._describe(table, name, known.get(table))

    @property
    def name(self) -> str:
        return self.files.name

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        known = {table.name for table in self.model.tables}
        return {name: item.columns for name, item in self.members.items() if name in known}

    def count(self, table: str, where: Where) -> int:
        rows = self._scan(self.members[table])
        rows = rows if where.is_open else rows.filter(to_expression(where))
        with _readable(self.members[table]):
            return int(rows.select(pl.len()).collect(engine="streaming").item())

    def tally(self, table: str, columns: Sequence[str]) -> pl.DataFrame:
        member = self.members[table]
        rows = self._scan(member).select(
            pl.col(name) if name in member.columns else pl.lit(None, pl.String).alias(name)
            for name in columns
        )
        with _readable(member):
            return rows.group_by(columns).agg(rows=pl.len()).collect(engine="streaming")

    def fetch(self, table: str, where: Where) -> RawTable:
        member = self.members[table]
        rows = self._scan(member)
        rows = rows if where.is_open else rows.filter(to_expression(where))
        with _readable(member):
            found = rows.collect(engine="streaming").sort(RECORD)
        return self._raw(member, found)

    def batches(self, table: str, where: Where) -> Iterator[RawTable]:
        member = self.members[table]
        yield self._raw(member, self._scan(member).head(0).collect())
        for start in range(0, self.count(table, Where()), BATCH):
            # a slice at a time: Polars' own batches run ahead of who takes them, without bound
            rows = self._scan(member).slice(start, BATCH)
            rows = rows if where.is_open else rows.filter(to_expression(where))
            with _readable(member):
                batch = rows.collect(engine="streaming").sort(RECORD)
            if batch.height:
                yield self._raw(member, batch)

    def look_up(self, table: str, anyone_of: Mapping[str, Collection[str]]) -> pl.DataFrame:
        rows = self._scan(self.members[table])
        for column, texts in anyone_of.items():
            rows = rows.filter(pl.col(column).is_in(pl.Series(sorted(texts)).implode()))
        with _readable(self.members[table]):
            return rows.drop(RECORD).collect(engine="streaming")

    def others(self) -> list[RawTable]:
        known = {table.name: table for table in self.model.tables}
        left = []
        for table, member in self.members.items():
            if table in known and not known[table].is_vocabulary:
                continue
            rule = LOOKED_UP if table in known else NOT_USED
            schema = dict.fromkeys((RECORD, *member.columns), pl.String)
            raw = self._raw(member, pl.DataFrame(schema=schema))
            height = self._count_rows(member)
            left.append(replace(raw, passed_over=((rule, height),) if height else ()))
        return left

    def _count_rows(self, member: _Member) -> int:
        """Count the rows of a table of which nothing else is wanted."""
        if member.separator is None or member.table in self._parsed:
            return self.count(member.table, Where())
        with _readable(member):
            return int(_scan_text(member).select(pl.len()).collect(engine="streaming").item())

    def hashes(self) -> dict[str, str]:
        return self.files.input_hashes()

    def check(self) -> None:
        check_files_unchanged(self.files, self.files.input_hashes())

    def close(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _raw(self, member: _Member, found: pl.DataFrame) -> RawTable:
        file, sheet = self.files.place(member.name)
        cells = found.drop(RECORD)
        return RawTable(
            file=file,
            sheet=sheet,
            sha256=self.files.hash(member.name),
            header=member.columns,
            cells=cells.rename(dict(zip(cells.columns, map(str, range(cells.width)), strict=True))),
            first_row=member.first_row,
            notes=member.notes,
            records=found[RECORD].cast(pl.Int64),
            missing=self.written.missing,
        )

    def _scan(self, member: _Member) -> pl.LazyFrame:
        if member.separator is None:
            rows = pl.scan_parquet(member.path, row_index_name=RECORD)
            written = as_text(rows.drop(RECORD))
            texts = [text.alias(name.lower()) for name, text in written.items()]
            return rows.select(pl.col(RECORD), *texts)
        return pl.scan_parquet(self._parse(member))

    def _parse(self, member: _Member) -> Path:
        """Parse a file of text once, every cell as it stands."""
        if member.table not in self._parsed:
            target = self._temporary() / f"{member.table}.parquet"
            with _readable(member):
                _scan_text(member).sink_parquet(
                    target, compression="lz4", statistics=False, row_group_size=BATCH
                )
            self._parsed[member.table] = target
        return self._parsed[member.table]

    def _describe(self, table: str, name: str, known: OmopTable | None) -> _Member:
        path = self._unpacked(name)
        if path.suffix.casefold() == ".parquet":
            with _readable(_Member(table, name, path, ())):
                names = tuple(column.lower() for column in pl.read_parquet_schema(path))
            return _Member(table, name, path, names)
        path, notes = self._as_utf8(path)
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            head = stream.readline().rstrip("\r\n")
        separator = self.written.separator or find_separator(head)
        cells = [cell.strip().lower() for cell in next(csv.reader([head], delimiter=separator), [])]
        _check_end(path, separator, len(cells), name)
        if known is not None and not head.strip():
            return _Member(table, name, path, known.columns, separator, False, notes)
        if known is None or len({*cells} & {*known.columns}) * 2 >= len(cells):
            return _Member(table, name, path, tuple(cells), separator, notes=notes)
        columns = _columns_without_header(known, len(cells), name, self.files.name)
        return _Member(table, name, path, columns, separator, has_header=False, notes=notes)

    def _as_utf8(self, path: Path) -> tuple[Path, tuple[tuple[str, str], ...]]:
        """Return a file as UTF-8: itself, or a copy where it is written otherwise, with a note."""
        declared = self.written.encoding
        encoding, notes = (declared, ()) if declared else _find_encoding(path)
        if encoding is None or encoding.casefold() in ("utf-8", "utf8"):
            return path, notes
        target = self._temporary() / f"{path.stem}-utf8{path.suffix}"
        _copy_as_utf8(path, target, encoding, "strict" if declared else "replace")
        return target, notes

    def _unpacked(self, name: str) -> Path:
        if not self.files.is_packed:
            return self.files.path if self.files.path.is_file() else self.files.path / name
        target = self._temporary() / f"{len(self.members):04}{PurePosixPath(name).suffix}"
        with self.files.open(name) as packed, target.open("wb") as out:
            shutil.copyfileobj(packed, out, _BLOCK)
        return target

    def _temporary(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="heliotrope-omop-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder


def _scan_text(member: _Member) -> pl.LazyFrame:
    if member.path.stat().st_size <= member.has_header:
        schema = {RECORD: pl.UInt32, **dict.fromkeys(member.columns, pl.String)}
        return pl.LazyFrame(schema=schema)
    return pl.scan_csv(
        member.path,
        separator=member.separator or ",",
        has_header=False,
        skip_rows=1 if member.has_header else 0,
        schema=dict.fromkeys(member.columns, pl.String),
        row_index_name=RECORD,
    )


def name_table(name: str) -> str | None:
    """Return the table that a file is named after, or None for a file of another kind.

    >>> name_table("cdm54/PERSON.csv"), name_table("readme.md")
    ('person', None)
    """
    path = PurePosixPath(name)
    return path.stem.casefold() if path.suffix.casefold() in SUFFIXES else None


def _check_end(path: Path, separator: str, width: int, name: str) -> None:
    """Stop if the last line of a file breaks off: it has no end and too few cells."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _HEAD))
        lines = stream.read().split(b"\n")
    last = lines[-1]
    outside = b"".join(last.split(b'"')[::2])
    if last.strip() and outside.count(separator.encode()) < width - 1:
        raise UserError(
            f"a last row of {width} cells",
            Found(
                f"the file ends within a row, after {outside.count(separator.encode()) + 1}", name
            ),
            "copy or export the file again: it was cut off",
        )


def _columns_without_header(known: OmopTable, width: int, name: str, place: str) -> tuple[str, ...]:
    """Return the columns of a file without a header: those of the version with as many."""
    earlier = tuple(column for column in known.columns if column not in known.added)
    for columns in (known.columns, earlier):
        if len(columns) == width:
            return columns
    raise UserError(
        f"a header, or the {len(known.columns)} or {len(earlier)} columns of {known.name}",
        Found(f"{width} columns", f"{place}/{name}", row=1),
        "deliver the table with its column names in the first row",
    )


def _find_encoding(path: Path) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    """Return how a file is written other than plain UTF-8 (None: it is that), with a note."""
    with path.open("rb") as stream:
        head = stream.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", ()
    if not _is_utf8(path):
        return _WINDOWS, (("encoding_assumed", f"not UTF-8; read as {_WINDOWS}"),)
    return ("utf-8-sig" if head.startswith(codecs.BOM_UTF8) else None), ()


def _copy_as_utf8(path: Path, target: Path, encoding: str, errors: str) -> None:
    """Write a file anew as UTF-8. Errors: bytes that are not of the encoding: UserError."""
    try:
        with (
            path.open(encoding=encoding, errors=errors, newline="") as text,
            target.open("w", encoding="utf-8", newline="") as out,
        ):
            shutil.copyfileobj(text, out, _BLOCK)
    except (UnicodeError, LookupError) as error:
        raise UserError(
            f"text in {encoding}",
            Found(f"bytes that are not, or no encoding of that name: {error}", path.name),
            "declare the right encoding in study.toml",
        ) from None


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as stream:
        try:
            while block := stream.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


@contextmanager
def _readable(member: _Member) -> Iterator[None]:
    """Say which file cannot be read, and why, instead of an error of the library."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            "a table whose every row has the cells of its header",
            Found(said, member.name),
            "export the table again; a file that was cut off or changed by hand ends like this",
        ) from None
