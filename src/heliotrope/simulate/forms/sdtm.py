"""Write a cohort as SDTM datasets: SAS transport files of version 5, one a domain."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import polars as pl

from heliotrope.definitions.codes import make_code_book
from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.sdtm import sdtm_terms_of
from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.simulate.forms.sdtm_columns import Writing
from heliotrope.simulate.forms.sdtm_records import (
    make_events,
    make_history,
    make_measurements,
    make_subjects,
)
from heliotrope.simulate.forms.sdtm_treatments import make_exposure, make_medications

# Version 5 of the transport format holds no longer texts and names.
LONGEST_TEXT = 200
LONGEST_NAME = 8
DATASETS = "sdtm"
STUDY = """# Invented records: for tests, teaching and planning, never evidence.
title = "Invented cohort as SDTM"
synthetic = true

[[source]]
form = "sdtm"
file = "sdtm"
"""

_STUDY_ID = "INVENTED"

Tables = Mapping[str, pl.DataFrame]


def write_sdtm(tables: Tables, folder: Path) -> list[Path]:
    """Write canonical tables as XPT files into the folder ``sdtm``, with a study file beside it.

    Errors: without pyreadstat, or with a text that the format does not hold: UserError.
    """
    pyreadstat = _find_pyreadstat()
    rulebook = read_rulebook()
    writing = Writing(sdtm_terms_of(rulebook), make_code_book(rulebook))
    given = {name: rows for name, rows in tables.items() if rows.height}
    datasets = {
        **make_subjects(given),
        **make_history(given, writing),
        **make_exposure(given.get("infusion"), writing),
        **make_medications(given.get("medication"), writing),
        **make_measurements(given.get("assessment"), writing),
        **make_events(given.get("event"), writing),
    }
    target = folder / DATASETS
    target.mkdir(parents=True, exist_ok=True)
    written = [folder / "study.toml"]
    written[0].write_text(STUDY, encoding="utf-8")
    for name, rows in datasets.items():
        if rows.height:
            written.append(target / f"{name.lower()}.xpt")
            _write(pyreadstat, rows, name, written[-1])
    return written


def _find_pyreadstat() -> ModuleType:
    try:
        import pyreadstat
    except ImportError:
        raise UserError(
            "the package pyreadstat, which writes SAS transport files",
            "it is not installed",
            "pip install 'heliotrope[sdtm]'",
            ExitCode.USAGE,
        ) from None
    return pyreadstat


def _write(pyreadstat: ModuleType, rows: pl.DataFrame, name: str, path: Path) -> None:
    domain = name.removeprefix("SUPP")
    first = {"STUDYID": pl.lit(_STUDY_ID)}
    first["RDOMAIN" if name.startswith("SUPP") else "DOMAIN"] = pl.lit(domain)
    whole = rows.select(**first, **{column: pl.col(column) for column in rows.columns})
    texts = whole.with_columns(pl.col(pl.String).fill_null(""))
    for column in texts.columns:
        assert len(column) <= LONGEST_NAME, f"{column} is too long a name"
        _check_length(texts[column], path.name)
    pyreadstat.write_xport(texts, path, table_name=name, file_format_version=5)


def _check_length(column: pl.Series, file: str) -> None:
    if column.dtype != pl.String:
        return
    long = column.filter(column.str.len_bytes() > LONGEST_TEXT)
    if long.len():
        raise UserError(
            f"texts of at most {LONGEST_TEXT} bytes, as SAS transport files hold them",
            Found(f"{long[0][:60]}...", file, column=column.name),
            "ask for --as csv or --as parquet",
        )
