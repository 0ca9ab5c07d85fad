"""Read SDTM datasets of a folder or a zip and lay them out as ours."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import polars as pl

from heliotrope.definitions.codes import make_code_book
from heliotrope.definitions.cohort_entry import find_cohort_entry
from heliotrope.definitions.sdtm import SdtmTerms, sdtm_terms_of
from heliotrope.errors import Found, UserError
from heliotrope.ingest.archive import Files, check_files_unchanged, open_files
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.declared import SdtmSource
from heliotrope.ingest.delivery import Delivery, Note, RowsOf
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.sdtm.contents import Content, is_dataset_file, open_contents
from heliotrope.ingest.sdtm.define import Definitions, read_define
from heliotrope.ingest.sdtm.happenings import (
    lay_out_events,
    lay_out_indications,
    lay_out_stops,
)
from heliotrope.ingest.sdtm.held import SUBJECT, Dataset, count_dataset, hold_dataset
from heliotrope.ingest.sdtm.laid import Known, LaidOut, leave_out, merge
from heliotrope.ingest.sdtm.measurements import choose_tests, lay_out_measurements
from heliotrope.ingest.sdtm.selection import Sources, select_subjects
from heliotrope.ingest.sdtm.subjects import find_reference, lay_out_subjects
from heliotrope.ingest.sdtm.supplements import (
    choose_qualifiers,
    is_supplement,
    join_supplements,
)
from heliotrope.ingest.sdtm.treatments import find_immunoglobulins, lay_out_treatments
from heliotrope.ingest.staged import Staged, stage_unnamed

Tell = Callable[[str], None]

DOMAIN_NOT_USED = "domain_not_used"
DEFINE = "define.xml"

# Rows of a dataset that nothing reads are left out by the rule of its role.
_REST = {
    "history": "history_not_used",
    "disposition": "disposition_not_used",
    "findings": "test_not_used",
}
# The canonical table under which a row of a dataset is quarantined.
_TABLE_OF = {
    "patient": "patient",
    "history": "patient",
    "exposure": "infusion",
    "exposure_as_collected": "infusion",
    "procedure": "infusion",
    "medication": "medication",
    "findings": "assessment",
}
_TREATMENTS = ("exposure", "exposure_as_collected", "medication", "procedure")
_EVENTS = ("adverse_event", "clinical_event", "hospital_stay")


@dataclass(frozen=True)
class _Found:
    """The datasets of a source: those held by domain, the supplements, and those only counted."""

    domains: Mapping[str, Sequence[Dataset]]
    supplements: Sequence[Dataset]
    counted: Sequence[tuple[str, RawTable]]


@contextmanager
def _whole_files(files: Files) -> Iterator[None]:
    """Say of a packed file that is damaged that it is."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UserError(
            "an archive whose files can be read to their end",
            Found(str(error), files.name),
            "pack or copy it again",
        ) from None


def deliver(folder: Path, source: SdtmSource, context: ReadContext, tell: Tell) -> Delivery:
    """Read every dataset, hold the rows that are used, lay them out, account for the others.

    Errors: no dataset, a file cut off or of another kind: UserError.
    """
    files = open_files(folder, source.file)
    terms = sdtm_terms_of(context.rulebook)
    codes = make_code_book(context.rulebook)
    known = Known(terms, context, codes, find_reference([]))
    with _whole_files(files):
        contents = _open_all(files, source)
        labels = _read_labels(files)
        found = _hold(files, contents, known, tell)
    domains, of_supplements = join_supplements(found.domains, found.supplements, terms)
    roles = {item.id: item.role for item in terms.domains}
    known = _learn(known, domains, roles)
    laid = merge([of_supplements, *_lay_out(domains, known, roles)])
    held = [item for datasets in domains.values() for item in datasets]
    entry = find_cohort_entry(source.cohort, context.rulebook)
    sources = Sources(
        held,
        [item for item in held if roles[item.domain] == "history"],
        [item for item in held if roles[item.domain] in _TREATMENTS],
    )
    laid, cohort = select_subjects(laid, sources, known, entry)
    laid = _sweep(held, laid, roles)
    raws = [
        *(item.raw for item in (*held, *found.supplements)),
        *(raw for _, raw in found.counted),
    ]
    hashes = files.input_hashes()
    return Delivery(
        raws=tuple(raws),
        staged=(*laid.staged, *_stage_unnamed([*held, *found.supplements], roles)),
        hashes=hashes,
        check=lambda: check_files_unchanged(files, hashes),
        joined=laid.joined,
        left_out=laid.left_out,
        cohort=cohort.steps,
        notes=(
            *laid.notes,
            *cohort.notes,
            *_say_counted(found, labels),
            *_say_missing(domains, roles),
            *_say_unread(files, contents),
        ),
    )


def _open_all(files: Files, source: SdtmSource) -> list[Content]:
    members = [name for name in files.names if is_dataset_file(name)]
    contents = [item for name in members for item in open_contents(files, name, source)]
    if not contents:
        raise UserError(
            "SDTM datasets as XPT, Dataset-JSON or CSV",
            Found(f"files {', '.join(files.names[:8]) or 'none'}", files.name),
            "correct `file` in study.toml, or export the datasets",
        )
    return contents


def _read_labels(files: Files) -> Definitions | None:
    name = next((n for n in files.names if n.casefold().rpartition("/")[2] == DEFINE), None)
    return None if name is None else read_define(files.read(name), f"{files.name}/{name}")


def find_domain(content: Content, terms: SdtmTerms) -> str | None:
    """Return the domain of a dataset by its name, else its file's: LB of LBCH; None: not read.

    A dataset counts for a domain only if it has the subject and that domain's own variables.
    """
    names = {name.upper() for name, _ in content.columns}
    if "USUBJID" not in names:
        return None
    for name in (content.name, PurePosixPath(content.member).stem):
        domain = name[:2].upper()
        own = [name for name in names if name.startswith(domain)]
        if terms.find_domain(domain) is not None and (own or "DOMAIN" in names):
            return domain
    return None


def _hold(files: Files, contents: Sequence[Content], known: Known, tell: Tell) -> _Found:
    domains: dict[str, list[Dataset]] = {}
    counted: list[tuple[str, RawTable]] = []
    later: list[Content] = []
    for content in contents:
        if is_supplement(content.name, [name for name, _ in content.columns]):
            later.append(content)
            continue
        domain = known.terms.find_domain(find_domain(content, known.terms) or "")
        if domain is None:
            counted.append((content.name, count_dataset(files, content, DOMAIN_NOT_USED)))
            continue
        tell(f"reading {content.name}: {domain.title.lower()}")
        choose = choose_tests(domain, known) if domain.role == "findings" else _choose_all
        dataset = hold_dataset(files, content, domain.id, choose)
        if _says_other_domain(dataset):
            counted.append((content.name, count_dataset(files, content, DOMAIN_NOT_USED)))
        else:
            domains.setdefault(domain.id, []).append(dataset)
    supplements = []
    for content in later:
        parent = content.name.removeprefix("SUPP").removeprefix("SQ")[:2]
        if parent not in domains:
            counted.append((content.name, count_dataset(files, content, DOMAIN_NOT_USED)))
            continue
        tell(f"reading {content.name}")
        choose = choose_qualifiers(domains, known.terms)
        supplements.append(hold_dataset(files, content, parent, choose))
    return _Found(domains, supplements, counted)


def _says_other_domain(dataset: Dataset) -> bool:
    """Say whether the column DOMAIN contradicts the name of the dataset, in every row held."""
    said = dataset.column(dataset.cell("DOMAIN").str.to_uppercase()).drop_nulls().unique()
    return said.len() > 0 and dataset.domain not in said.to_list()


def _choose_all(block: pl.DataFrame) -> pl.Series:
    return pl.repeat(None, block.height, dtype=pl.String, eager=True)


def _learn(
    known: Known, domains: Mapping[str, Sequence[Dataset]], roles: Mapping[str, str]
) -> Known:
    """Learn the days that study days count from, and what the study treats with."""
    demographics = [item for d, items in domains.items() if roles[d] == "patient" for item in items]
    exposure = [
        item for d, items in domains.items() if roles[d].startswith("exposure") for item in items
    ]
    return replace(
        known,
        reference=find_reference(demographics),
        treats_with_immunoglobulin=any(
            find_immunoglobulins(item, known).len() for item in exposure
        ),
    )


def _lay_out(
    domains: Mapping[str, Sequence[Dataset]], known: Known, roles: Mapping[str, str]
) -> list[LaidOut]:
    def of(*wanted: str) -> list[Dataset]:
        return [item for d, items in domains.items() if roles[d] in wanted for item in items]

    laid = [
        lay_out_subjects(of("patient"), of("history"), of("disposition"), known),
        lay_out_treatments(of(*_TREATMENTS), known, roles),
    ]
    for dataset in of("findings"):
        domain = known.terms.find_domain(dataset.domain)
        assert domain is not None, "only domains that are known are held"
        laid.append(lay_out_measurements(dataset, domain, known))
    laid += [lay_out_events(item, known, roles[item.domain]) for item in of(*_EVENTS)]
    laid += [lay_out_stops(item, known) for item in of("disposition")]
    laid += [lay_out_indications(item, known) for item in of("history")]
    return laid


def _sweep(held: Sequence[Dataset], laid: LaidOut, roles: Mapping[str, str]) -> LaidOut:
    """Leave out what no layout has named, by the rule of its dataset."""
    left = list(laid.left_out)
    for dataset in held:
        named = [
            *(item.rows for item in laid.staged if item.raw is dataset.raw),
            *(item.ignored for item in laid.staged if item.raw is dataset.raw),
            *(item.rows for item in (*laid.joined, *laid.left_out) if item.raw is dataset.raw),
        ]
        if any(item.raw is dataset.raw for item in laid.staged):
            named.append(dataset.raw.refused)
        known = pl.concat(
            [pl.DataFrame(schema={"record": pl.Int64}), *(rows.select("record") for rows in named)]
        )
        rest = dataset.rows.join(known, on="record", how="anti", maintain_order="left")
        if rest.height:
            rule = _REST.get(roles[dataset.domain], DOMAIN_NOT_USED)
            left.append(RowsOf(dataset.raw, leave_out(rest, rule)))
    return replace(laid, left_out=tuple(left))


def _stage_unnamed(datasets: Sequence[Dataset], roles: Mapping[str, str]) -> list[Staged]:
    """Quarantine the rows with a blank USUBJID, under the table that their dataset becomes."""
    return [
        stage_unnamed(
            _TABLE_OF.get(roles[item.domain], "event"), item.raw, item.unnamed,
            item.numbers[SUBJECT],
        )
        for item in datasets
        if item.unnamed.height
    ]  # fmt: skip


def _say_counted(found: _Found, labels: Definitions | None) -> list[Note]:
    notes = []
    for name, raw in found.counted:
        label = labels.datasets.get(name, "") if labels else ""
        said = f"{name}{f' ({label})' if label else ''}: {raw.rows_in:,} rows"
        notes.append(Note(DOMAIN_NOT_USED, said, raw))
    return notes


def _say_unread(files: Files, contents: Sequence[Content]) -> list[Note]:
    read = {content.member for content in contents}
    others = [
        name
        for name in files.names
        if name not in read and name.casefold().rpartition("/")[2] not in (DEFINE, "study.toml")
    ]
    return [Note("file_unused", f"{files.name}/{name}") for name in others]


def _say_missing(domains: Mapping[str, Sequence[Dataset]], roles: Mapping[str, str]) -> list[Note]:
    if any(roles[domain] == "patient" for domain in domains):
        return []
    return [Note("demographics_missing", f"domains {', '.join(sorted(domains)) or 'none'}")]
