"""The folder of a run while it is made: ``RUN.partial``, and what of it a later call may keep."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from heliotrope import __version__
from heliotrope.definitions.load import Rulebook
from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.execution.digests import keep_digests_of_records

# Written once the records stand in the folder whole: from then on a run can be resumed.
MADE_FROM = "made_from.json"

_WORDS = {
    "heliotrope": "the version of heliotrope",
    "rulebook": "definitions or settings",
    "inputs": "the files of the study",
    "shards": "the number of shards",
}


def open_run_folder(out: Path, *, replace: bool = False, resume: bool = False) -> Path:
    """Make ``RUN.partial`` and return it: empty, or with what an interrupted run left there.

    Errors: a finished run or another folder of that name (unless ``replace`` and it is a run), a
    place that cannot be written: UserError.
    """
    if out.exists() and not (replace and (out / "manifest.json").is_file()):
        is_finished = resume and (out / "manifest.json").is_file()
        raise UserError(
            "a run folder that does not exist yet",
            Found(f"{out.name} {'is finished: nothing to resume' if is_finished else 'exists'}"),
            "choose another name for --out, or remove that folder",
        )
    partial = out.with_name(f"{out.name}.partial")
    try:
        if not (resume and (partial / MADE_FROM).is_file()):
            shutil.rmtree(partial, ignore_errors=not partial.exists())
            partial.mkdir(parents=True)
    except OSError as error:
        raise UserError(
            "a folder that can be written",
            Found(f"{partial.name}: {error.strerror or error}"),
            "choose another place for --out, or ask for the right to write there",
            ExitCode.ENVIRONMENT,
        ) from None
    return partial


def describe_origin(
    input_hashes: Mapping[str, str], rulebook: Rulebook, shards: int
) -> dict[str, object]:
    """Say what the shards of a run are made from: equal origins give equal shards."""
    hashes = json.dumps(dict(sorted(input_hashes.items())))
    return {
        "heliotrope": __version__,
        "rulebook": rulebook.sha256,
        "inputs": hashlib.sha256(hashes.encode()).hexdigest(),
        "shards": shards,
    }


def can_continue(partial: Path, origin: Mapping[str, object]) -> bool:
    """Say whether the folder holds shards of an interrupted run; they must be of this origin.

    Errors: the study, its definitions or heliotrope changed since: UserError, since shards made
    from different things must not stand in one run.
    """
    path = partial / MADE_FROM
    if not path.is_file():
        return False
    before = json.loads(path.read_text(encoding="utf-8"))
    changed = [words for name, words in _WORDS.items() if before.get(name) != origin[name]]
    if changed:
        raise UserError(
            "the study, definitions and version that the interrupted run was made with",
            Found(f"{' and '.join(changed)} changed since", partial.name),
            "run again without --resume: everything is then made anew",
        )
    return True


def keep_origin(partial: Path, origin: Mapping[str, object]) -> None:
    """Note what the records of the folder are and were made from; from now on it can be resumed."""
    keep_digests_of_records(partial)
    draft = partial / f"{MADE_FROM}.draft"
    draft.write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")
    draft.replace(partial / MADE_FROM)


def give_up(partial: Path) -> None:
    """Remove a folder of which nothing can be kept; one that can be resumed stays."""
    if not (partial / MADE_FROM).is_file():
        shutil.rmtree(partial, ignore_errors=True)


def close_run_folder(partial: Path, out: Path, drafts: Iterable[str]) -> None:
    """Remove what only the making needed and rename the folder; an earlier run goes only now.

    ``drafts``: names within the folder, in an order in which a kill in between leaves nothing
    that would be taken for whole.
    """
    for name in drafts:
        path = partial / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    (partial / MADE_FROM).unlink()
    if out.exists():
        shutil.rmtree(out)
    partial.rename(out)
