"""Write an export of codes a second time as REDCap exports labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from heliotrope.definitions.redcap_dictionary import DictionaryRow
from heliotrope.definitions.redcap_project import RedcapProject
from heliotrope.simulate.forms.redcap_events import EVENT, EVENTS, INSTRUMENT

STATES = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}
_TICKED = {"1": "Checked", "0": "Unchecked"}
_YES_NO = {"1": "Yes", "0": "No"}
_OWN = {
    "redcap_event_name": "Event Name",
    "redcap_repeat_instrument": "Repeat Instrument",
    "redcap_repeat_instance": "Repeat Instance",
    "redcap_data_access_group": "Data Access Group",
    "redcap_survey_identifier": "Survey Identifier",
}


def label_export(
    data: pl.DataFrame,
    dictionary: Sequence[DictionaryRow],
    project: RedcapProject,
    missing_codes: Mapping[str, str],
) -> tuple[list[str], pl.DataFrame]:
    """Return the headings and the cells of the same export with labels.

    A label may head several columns ("Complete?"), which is why the headings stand apart.
    """
    rows = {row.name: row for row in dictionary}
    headings, columns = [], []
    for name in data.columns:
        heading, meanings = _describe(name, rows, project, missing_codes)
        headings.append(heading)
        texts = {**missing_codes, **meanings}
        columns.append(pl.col(name).replace(texts) if texts else pl.col(name))
    return headings, data.select(columns)


def _describe(
    name: str,
    rows: Mapping[str, DictionaryRow],
    project: RedcapProject,
    missing_codes: Mapping[str, str],
) -> tuple[str, dict[str, str]]:
    """Return the heading of a column, and the labels of its codes."""
    if name == EVENT:
        return _OWN[name], {event.name: event.label for event in EVENTS}
    if name == INSTRUMENT:
        return _OWN[name], {form.id: form.title for form in project.forms}
    if name in _OWN:
        return _OWN[name], {}
    if name.endswith("_timestamp"):
        return "Survey Timestamp", {}
    if any(name == form.complete for form in project.forms):
        return "Complete?", STATES
    field, _, box = name.partition("___")
    row = rows[field]
    labels = {code: label for _, code, label in row.choices}
    if box:
        boxes = {_plain(code): label for code, label in {**labels, **missing_codes}.items()}
        return f"{row.label} (choice={boxes[box]})", _TICKED
    return row.label, _YES_NO if row.type == "yesno" else labels


def _plain(code: str) -> str:
    return code.lower().replace("-", "_").replace(".", "_")
