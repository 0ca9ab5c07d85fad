"""Write simulated cohorts as a study folder, in the form that was asked for."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import polars as pl

from heliotrope.errors import ExitCode, UserError
from heliotrope.simulate.cohort import Tables, simulate_blocks, write_csv
from heliotrope.simulate.known_truth.cohort import CohortPlan, simulate_known_blocks
from heliotrope.simulate.known_truth.parameters import read_known_truth
from heliotrope.simulate.known_truth.records import make_known_tables, make_truth_tables

TRUTH = "truth"

PARTS = ".parts"

FORMS = ("csv", "parquet")

# The forms of others: each is written whole, by the function of its module.
WRITERS = {
    "redcap": "heliotrope.simulate.forms.redcap:write_redcap",
    "sdtm": "heliotrope.simulate.forms.sdtm:write_sdtm",
    "omop": "heliotrope.simulate.forms.omop:write_omop",
    "fhir": "heliotrope.simulate.forms.fhir:write_fhir",
}


@dataclass(frozen=True)
class SimulationOrder:
    """What to simulate and how to write it.

    ``mechanism``: None for realistic charts of mixed responders. ``has_truth``: write what no
    chart shows into the folder ``truth``, too. ``share_with_ivig``: how many of the realistic
    charts have IVIG, from 0 to 1; None: most, as in a case series. ``missed_without_ivig``: how
    many of their visits children without IVIG miss; None: few.
    """

    patients: int
    seed: int
    form: str = "csv"
    mechanism: str | None = None
    has_truth: bool = False
    share_with_ivig: float | None = None
    missed_without_ivig: float | None = None


def write_simulated_study(order: SimulationOrder, folder: Path) -> list[Path]:
    """Write a simulated cohort as a folder that ``heliotrope run`` reads; return its files.

    Written piece by piece, so that many children need no more memory than few. The truth goes
    into a folder of its own, which no study reads.

    Errors: UserError for an unknown form or mechanism, no children, a share that is none, or a
    folder with content.
    """
    _check_form(order.form)
    _check(order, folder)
    if order.form in WRITERS:
        return _write_whole(order, folder)
    places: dict[Path, list[str]] = {}
    for number, piece in enumerate(_draw_pieces(order)):
        for place, tables in piece.items():
            if order.form == "csv":
                write_csv(tables, folder / place, append=number > 0)
            else:
                _write_parts(tables, folder / place, number)
            places[folder / place] = list(tables)
    if order.form == "parquet":
        _join_parts(places)
    return [place / f"{name}.{order.form}" for place, names in places.items() for name in names]


def _write_whole(order: SimulationOrder, folder: Path) -> list[Path]:
    """Write a cohort in the form of others; the truth beside it stays plain tables."""
    pieces: dict[Path, dict[str, list[pl.DataFrame]]] = {}
    for piece in _draw_pieces(order):
        for place, tables in piece.items():
            for name, table in tables.items():
                pieces.setdefault(folder / place, {}).setdefault(name, []).append(table)
    module, _, function = WRITERS[order.form].partition(":")
    write: Callable[[Tables, Path], list[Path]] = getattr(import_module(module), function)
    written: list[Path] = []
    for target, parts in pieces.items():
        tables = {name: pl.concat(frames) for name, frames in parts.items()}
        if target == folder:
            written += write(tables, target)
        else:
            write_csv(tables, target, append=False)
            written += [target / f"{name}.csv" for name in tables]
    return written


def _check_form(form: str) -> None:
    if form in FORMS or form in WRITERS:
        return
    known = f"{' or '.join((*FORMS, *WRITERS))} as the form of a simulated cohort"
    raise UserError(known, form, "ask for one of these, e.g. --as csv", ExitCode.USAGE)


def _write_parts(tables: Tables, folder: Path, number: int) -> None:
    """Parquet cannot be added to: each piece is a file, until all are there."""
    for name, table in tables.items():
        parts = folder / f"{name}{PARTS}"
        parts.mkdir(parents=True, exist_ok=True)
        table.write_parquet(parts / f"{number:09}.parquet")


def _join_parts(places: Mapping[Path, list[str]]) -> None:
    for place, names in places.items():
        for name in names:
            parts = place / f"{name}{PARTS}"
            pl.scan_parquet(sorted(parts.iterdir())).sink_parquet(place / f"{name}.parquet")
            shutil.rmtree(parts)


def _check(order: SimulationOrder, folder: Path) -> None:
    if order.patients < 1:
        raise UserError(
            "at least one child",
            str(order.patients),
            "ask for --patients 1 or more",
            ExitCode.USAGE,
        )
    mechanisms = [mechanism.id for mechanism in read_known_truth().mechanisms]
    if order.mechanism is not None and order.mechanism not in mechanisms:
        raise UserError(
            f"one of the mechanisms {', '.join(mechanisms)}",
            order.mechanism,
            "name one of them, or leave --mechanism out for realistic charts",
            ExitCode.USAGE,
        )
    _check_share(order)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            "a folder that is new or empty",
            str(folder),
            "name another folder with --out, or remove this one",
            ExitCode.USAGE,
        )


def _check_share(order: SimulationOrder) -> None:
    share = order.share_with_ivig
    if share is None:
        return
    if not 0 <= share <= 1:
        raise UserError(
            "a share of children from 0 to 1",
            str(share),
            "ask for e.g. --share-with-ivig 0.1",
            ExitCode.USAGE,
        )
    if order.mechanism is not None:
        raise UserError(
            "a share with IVIG only for realistic charts",
            f"--share-with-ivig {share} beside --mechanism {order.mechanism}",
            "leave one of them out: under a mechanism its start rule decides who gets IVIG",
            ExitCode.USAGE,
        )


def _draw_pieces(order: SimulationOrder) -> Iterator[dict[str, Tables]]:
    """Give the tables of some children after others, by the folder that they go into."""
    if order.mechanism is None:
        for block in simulate_blocks(
            order.patients, order.seed, order.share_with_ivig, order.missed_without_ivig
        ):
            truth = {TRUTH: {"truth_child": block.truth}} if order.has_truth else {}
            yield {"": block.tables, **truth}
        return
    plan = CohortPlan(order.mechanism)
    for cohort in simulate_known_blocks(order.patients, order.seed, plan):
        truth = {TRUTH: make_truth_tables(cohort)} if order.has_truth else {}
        yield {"": make_known_tables(cohort), **truth}
