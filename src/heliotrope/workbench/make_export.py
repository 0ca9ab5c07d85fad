"""Make what is taken away of a run: the functions of the commands, their files in one file."""

from __future__ import annotations

import os
import shutil
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from heliotrope.definitions.load import Rulebook
from heliotrope.report.language import speaking
from heliotrope.report.read_run import RunTables
from heliotrope.workbench.exports import ENDINGS, REVIEW, Export, save_export
from heliotrope.workbench.saving import flush_folder

PACKED = frozenset({".png", ".parquet", ".zip", ".docx", ".pdf"})


@dataclass(frozen=True)
class Making:
    """A run, and the folder in which its export is made. options: what the form said."""

    tables: RunTables
    rulebook: Rulebook
    folder: Path
    options: Mapping[str, Any]


def make_export(order: Mapping[str, Any]) -> dict[str, Any]:
    """Make an export in its folder and put it in its place whole.

    Errors: those of the command of the same name: UserError.
    """
    from heliotrope.report.explain import open_run
    from heliotrope.run.verification import read_rulebook_of
    from heliotrope.workbench.confine import check_links

    started = time.perf_counter()
    run, out = Path(order["path"]), Path(order["out"])
    check_links(run, Path(order["root"]))
    tables = open_run(run)
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    options, what = order["options"], order["what"]
    try:
        making = Making(tables, read_rulebook_of(tables.manifest), partial, options)
        with speaking(order["language"]):
            made = MAKERS[what.partition("-")[0]](making)
        file = f"{out.parent.name}-{ENDINGS.get(what, f'{what}{made.suffix}')}"
        whole = made if made.is_file() else _pack(made, partial / file)
        size = _put(whole, out.with_name(file))
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    export = Export(
        what=what,
        file=file,
        bytes=size,
        seconds=round(time.perf_counter() - started, 1),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        run_created=str(tables.manifest.get("created", "")),
        options=options,
    )
    save_export(out.parent, export)
    return asdict(export)


def _pack(folder: Path, target: Path) -> Path:
    """Pack a folder; what is packed already is stored as it is."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            kind = zipfile.ZIP_STORED if path.suffix in PACKED else zipfile.ZIP_DEFLATED
            name = f"{target.stem}/{path.relative_to(folder).as_posix()}"
            archive.write(path, name, compress_type=kind)
    return target


def _put(file: Path, target: Path) -> int:
    """Put a file in its place once it is on the disk; return its size."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
    file.replace(target)
    flush_folder(target.parent)
    return target.stat().st_size


def _make_results(making: Making) -> Path:
    from heliotrope.report.exports.results import write_results

    folder = making.folder / "files"
    write_results(making.tables, folder, with_children=bool(making.options.get("children")))
    return folder


def _make_trace(making: Making) -> Path:
    from heliotrope.report.exports.trace import write_trace_supplement

    folder = making.folder / "files"
    write_trace_supplement(making.tables, folder)
    return folder


def _make_word(making: Making) -> Path:
    from heliotrope.report.exports.word.manuscript import draw_figures, write_word

    drawn = making.folder / "figures"
    figures = draw_figures(making.tables.folder, making.rulebook, drawn)
    return write_word(making.tables, making.rulebook, making.folder / "word.docx", figures)


def _make_figures(making: Making) -> Path:
    from heliotrope.report.figures.write_figures import FigureOptions, write_figures

    folder = making.folder / "files"
    options = FigureOptions(dots_per_inch=int(making.options.get("dots_per_inch", 300)))
    write_figures(making.tables.folder, folder, making.rulebook, options)
    return folder


def _make_adam(making: Making) -> Path:
    from heliotrope.report.adam.write import write_adam

    folder = making.folder / "files"
    write_adam(making.tables, making.rulebook, folder)
    return folder


def _make_share(making: Making) -> Path:
    from heliotrope.report.disclosure.identifiers import SECRET_VARIABLE, read_site_secret
    from heliotrope.report.disclosure.share import ShareOptions, share_run

    secret = read_site_secret(making.rulebook, None, os.environ.get(SECRET_VARIABLE))
    folder = making.folder / "files"
    options = ShareOptions(out=folder, site=making.options.get("site"), secret=secret)
    share_run(making.tables.folder, making.rulebook, options)
    return folder


def _make_review(making: Making) -> Path:
    from heliotrope.report.review.page import Paper
    from heliotrope.report.review.write import ReviewOptions, write_review

    paper: Paper = "letter" if making.options.get("paper") == "letter" else "a4"
    options = ReviewOptions(out=making.folder / "review.html", paper=paper)
    child = str(making.options["patient_id"])
    written = write_review(making.tables, making.rulebook, child, options)
    assert written.pdf is not None
    return written.pdf


MAKERS: Mapping[str, Callable[[Making], Path]] = {
    "results": _make_results,
    "trace": _make_trace,
    "word": _make_word,
    "figures": _make_figures,
    "adam": _make_adam,
    "share": _make_share,
    REVIEW: _make_review,
}
