"""Write the datasets, as Parquet, CSV and SAS transport, and their derivation book."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import polars as pl

from heliotrope.definitions.adam import AdamDataset, AdamSet
from heliotrope.definitions.load import Rulebook
from heliotrope.errors import Found, UserError
from heliotrope.records.spreadsheet import guard_formulas
from heliotrope.report.adam.inputs import AdamInputs
from heliotrope.report.adam.measures import make_adlb, make_adqs
from heliotrope.report.adam.outcomes import make_adae, make_adtte
from heliotrope.report.adam.subjects import make_adex, make_adsl
from heliotrope.report.language import _
from heliotrope.report.read_run import RunTables
from heliotrope.report.words import RESEARCH_ONLY

MAKERS: dict[str, Callable[[AdamInputs], pl.DataFrame]] = {
    "ADSL": make_adsl,
    "ADEX": make_adex,
    "ADLB": make_adlb,
    "ADQS": make_adqs,
    "ADTTE": make_adtte,
    "ADAE": make_adae,
}

TYPES = {"text": pl.String, "integer": pl.Int32, "float": pl.Float64, "date": pl.Date}

SAS_EPOCH = date(1960, 1, 1)

LONGEST_TEXT = 200  # bytes, in a transport file of version 5


def write_adam(run: RunTables, rulebook: Rulebook, folder: Path) -> list[Path]:
    """Write the ADaM-shaped set of a run into a new folder, and return the files.

    A dataset is written as Parquet and CSV, and as XPT of version 5 where pyreadstat is installed
    (extra ``sdtm``); ``derivations.csv`` and ``README.md`` say what each variable is. Texts over
    200 bytes are cut in XPT only. In CSV a text that a spreadsheet would run as a formula has an
    apostrophe in front. Rows are single children: this is no shareable set. Errors: a folder that
    exists: UserError.
    """
    if folder.exists():
        raise UserError(
            "a folder that does not exist yet",
            Found(f"{folder.name} exists"),
            "choose another name for --out",
        )
    inputs = AdamInputs(run, rulebook)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        heights = {}
        for dataset in inputs.book.datasets:
            frame = shape_dataset(MAKERS[dataset.name](inputs), dataset)
            heights[dataset.name] = frame.height
            name = dataset.name.lower()
            frame.write_parquet(partial / f"{name}.parquet")
            guard_formulas(frame).write_csv(partial / f"{name}.csv")
            _write_transport(frame, dataset, partial / f"{name}.xpt")
        book = list_derivations(inputs.book)
        guard_formulas(book).write_csv(partial / "derivations.csv")
        text = _render_read_me(inputs.book, heights)
        (partial / "README.md").write_text(text, encoding="utf-8")
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    partial.rename(folder)
    return sorted(folder.iterdir())


def shape_dataset(frame: pl.DataFrame, dataset: AdamDataset) -> pl.DataFrame:
    """Keep the variables of a dataset, in the order, with the types and sorted as its book says."""
    return frame.select(
        pl.col(variable.name).cast(TYPES[variable.type]) for variable in dataset.variables
    ).sort(dataset.key)


def list_derivations(book: AdamSet) -> pl.DataFrame:
    """List every variable of the set: one row a variable, as the derivation book says."""
    return pl.DataFrame(
        [
            {
                "dataset": dataset.name,
                "dataset_label": dataset.label,
                "structure": dataset.structure,
                "variable": variable.name,
                "label": variable.label,
                "type": variable.type,
                "is_key": variable.name in dataset.key,
                "derivation": variable.derivation,
                "source": variable.source,
            }
            for dataset in book.datasets
            for variable in dataset.variables
        ]
    )


def _write_transport(frame: pl.DataFrame, dataset: AdamDataset, path: Path) -> None:
    """Write a SAS transport file: dates as days since 1960 with the format DATE9.

    Without pyreadstat nothing is written.
    """
    try:
        import pyreadstat
    except ImportError:
        return
    dates = [variable.name for variable in dataset.variables if variable.type == "date"]
    numbers = [v.name for v in dataset.variables if v.type in ("integer", "float")]
    texts = [variable.name for variable in dataset.variables if variable.type == "text"]
    ready = frame.with_columns(
        *((pl.col(name) - SAS_EPOCH).dt.total_days().cast(pl.Float64) for name in dates),
        *(pl.col(name).cast(pl.Float64) for name in numbers),
        *(pl.col(name).fill_null("").map_elements(cut_text, pl.String) for name in texts),
    )
    pyreadstat.write_xport(
        ready,
        path,
        file_label=dataset.label,
        column_labels=[variable.label for variable in dataset.variables],
        table_name=dataset.name,
        variable_format=dict.fromkeys(dates, "DATE9."),
        file_format_version=5,
    )


def cut_text(text: str) -> str:
    """Cut a text to the 200 bytes of a transport file, at the end of a character.

    >>> cut_text("fever"), len(cut_text("é" * 150).encode())
    ('fever', 200)
    """
    return text.encode()[:LONGEST_TEXT].decode(errors="ignore")


def _render_read_me(book: AdamSet, heights: dict[str, int]) -> str:
    lines = [
        "# " + _("ADaM-shaped datasets of a heliotrope run"),
        RESEARCH_ONLY,
        book.wording,
        _("Every row is of a single child: these files stay with those who may see the records."),
        *book.notes,
        _(
            "`derivations.csv` holds what follows. In CSV a text that a spreadsheet would run as "
            "a formula has an apostrophe in front; transport files cut texts to 200 bytes."
        ),
    ]
    for dataset in book.datasets:
        lines.append(f"## {dataset.name}: {dataset.label}")
        lines.append(f"{dataset.structure}; {heights[dataset.name]}; {', '.join(dataset.key)}")
        lines.append(_render_variables(dataset))
    return "\n\n".join(lines) + "\n"


def _render_variables(dataset: AdamDataset) -> str:
    head: Sequence[str] = (_("variable"), _("label"), _("type"), _("derivation"), _("source"))
    rows = [
        (variable.name, variable.label, variable.type, variable.derivation, f"`{variable.source}`")
        for variable in dataset.variables
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))
