"""Fetch a project's records and its description from REDCap into a folder, through PyCap."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.ingest.declared import RedcapSource

if TYPE_CHECKING:
    from redcap.project import Project

DATA = "data.csv"
DICTIONARY = "dictionary.csv"
EVENTS = "event.csv"
PROJECT = "project_info.csv"


def fetch_project(folder: Path, source: RedcapSource, tell: Callable[[str], None]) -> None:
    """Fetch records (raw), dictionary, events and settings into the source's folder.

    They replace what was there. The settings bring the project's missing-data codes.
    The files are what is read and hashed, so that a run can be verified without the server. The
    token stands in the environment and nowhere else: it is not written, logged or shown.
    Errors: no token, PyCap not installed, a server that does not answer or refuses: UserError.
    """
    target = folder / source.file
    if target.exists() and not target.is_dir():
        raise UserError(
            "a folder for what is fetched, as `file` in study.toml",
            Found(f"{source.file} is a file"),
            'name a folder: file = "redcap"',
        )
    token = _read_token(source)
    tell(f"fetching records from {source.api}")
    try:
        contents = _fetch(str(source.api), token)
    except Exception as error:
        raise _say_refused(source, error, token) from None
    target.mkdir(parents=True, exist_ok=True)
    for name in (DATA, DICTIONARY, EVENTS, PROJECT):
        (target / name).unlink(missing_ok=True)
    for name, text in contents.items():
        (target / name).write_text(text, encoding="utf-8")


def _read_token(source: RedcapSource) -> str:
    token = os.environ.get(source.token_variable, "").strip()
    if not token:
        raise UserError(
            f"the token of the project in the environment variable {source.token_variable}",
            Found("it is not set"),
            f"set {source.token_variable} and run again, or remove `api` from study.toml to read "
            "what was fetched before; never write the token into a file of the study",
            ExitCode.ENVIRONMENT,
        )
    return token


def _open(address: str, token: str) -> Project:
    try:
        from redcap.project import Project
    except ImportError:
        raise UserError(
            "PyCap, which asks REDCap for records",
            Found("it is not installed"),
            "install it: pip install 'heliotrope[redcap]', or export the data as CSV",
            ExitCode.ENVIRONMENT,
        ) from None
    return Project(address, token)


def _fetch(address: str, token: str) -> dict[str, str]:
    project: Any = _open(address, token)
    contents = {
        DATA: project.export_records(
            format_type="csv",
            raw_or_label="raw",
            export_survey_fields=True,
            export_data_access_groups=True,
        ),
        DICTIONARY: project.export_metadata(format_type="csv"),
        PROJECT: project.export_project_info(format_type="csv"),
    }
    if project.is_longitudinal:
        contents[EVENTS] = project.export_events(format_type="csv")
    return contents


def _say_refused(source: RedcapSource, error: Exception, token: str) -> UserError:
    """Say what the server answered; a token that it repeats is struck out."""
    if isinstance(error, UserError):
        return error
    said = (str(error) or type(error).__name__).replace(token, "(token)").replace("\n", " ")
    return UserError(
        f"records from {source.api}",
        Found(f"{type(error).__name__}: {said[:200]}"),
        "check the address and that the token may export data; the files fetched before are as "
        "they were",
        ExitCode.ENVIRONMENT,
    )
