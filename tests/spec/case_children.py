"""The children of the specification: from the cells of a case to rows of the canonical tables.

A day is a whole number, counted from 1 January 2020; words of a cell are parted by blanks.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date

from tests.spec.ascii_table import Cell
from tests.spec.case_files import Case
from tests.spec.drawn_records import make_table

from heliotrope.definitions.drug import drugs_of
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.shard import Shard

VISIT_DAY = 28
GRAMS = 40.0
PREMEDICATION = "paracetamol"
EVENT_KINDS = ("flare", "complication", "hospitalisation", "adverse_event", "ivig_stopped")
PATIENT = {"seen": "seen_to", "diagnosed": "diagnosed", "born": "birth_date"}
OF_EVENTS = ("event time", "event value", "event ended", "event related")
NOT_RECORDS = ("on", "grams", "infusion time", *OF_EVENTS)
RELATED: dict[str, Cell] = {"yes": True, "no": False}

Row = dict[str, Cell]
Placed = tuple[str, Row]


def make_children(cases: Iterable[Case], rulebook: Rulebook) -> Shard:
    """Make one shard of all children of some cases."""
    tables: dict[str, list[Row]] = defaultdict(list)
    for case in cases:
        for table, row in make_rows(case, rulebook):
            tables[table].append({"patient_id": case.patient_id, **row})
    return Shard.from_tables({name: make_table(name, tables[name]) for name in CANONICAL})


def make_rows(case: Case, rulebook: Rulebook) -> Iterator[Placed]:
    """Give the rows of one child, each with the table it belongs to."""
    patient: Row = {}
    for name, cell in case.given.items():
        if name in PATIENT:
            patient[PATIENT[name]] = date.fromisoformat(cell) if name == "born" else int(cell)
        elif name not in NOT_RECORDS:
            yield from read_column(name, cell, case, rulebook)
    yield "patient", patient


def read_column(name: str, cell: str, case: Case, rulebook: Rulebook) -> Iterator[Placed]:
    """Read the cell of one column into rows."""
    first = name.split()[0]
    if name in measures_of(rulebook):
        yield from (("assessment", {"measure": name, **row}) for row in read_values(cell))
    elif name in ("courses", "infusions", "infusions g/kg", "sc"):
        yield from (("infusion", row) for row in read_infusions(name, cell, case))
    elif first in drugs_of(rulebook):
        yield from (("medication", row) for row in read_doses(name, cell))
    elif name in EVENT_KINDS:
        yield from (
            ("event", {"kind": name, **row, **read_event(case)}) for row in read_dated(cell, "term")
        )
    elif name == "reason recorded":
        yield from (("indication", row) for row in read_dated(cell, "reason"))
    else:
        raise AssertionError(f"{case.patient_id}: nobody knows what {name!r} records")


def read_values(cell: str) -> Iterator[Row]:
    """Read the values of a measure: ``5``, ``8>0``, ``8>``, ``0:6 3:4``, each with ``/limit``.

    ``/0.3..`` is a lower limit.

    >>> list(read_values("3000>100 /200"))[1]
    {'day': 28, 'value': 100.0, 'text': None, 'upper_limit': 200.0, 'lower_limit': None}
    >>> [row["day"] for row in read_values("0:6 3:4")]
    [0, 3]
    """
    cell = re.sub(r"\s+/", "/", cell)
    if ">" in cell:
        pair, _, limit = cell.partition("/")
        words = [
            f"{day}:{value.strip()}/{limit}"
            for day, value in zip((0, VISIT_DAY), pair.split(">"), strict=True)
            if value.strip()
        ]
    else:
        words = [word if ":" in word else f"{VISIT_DAY}:{word}" for word in cell.split()]
    for word in words:
        day, _, value = word.partition(":")
        drawn, _, limit = value.partition("/")
        is_lower = limit.endswith("..")
        is_number = re.fullmatch(r"[-+]?\d*\.?\d+", drawn) is not None
        yield {
            "day": int(day),
            "value": float(drawn) if is_number else None,
            "text": None if is_number else drawn,
            "upper_limit": float(limit) if limit and not is_lower else None,
            "lower_limit": float(limit.removesuffix("..")) if is_lower else None,
        }


def read_infusions(name: str, cell: str, case: Case) -> Iterator[Row]:
    """Read courses (days of 40 g, or of the column ``grams``) or infusions (``day:dose``)."""
    grams = float(case.given.get("grams", GRAMS))
    start = case.given.get("infusion time")
    for word in cell.split():
        day, _, dose = word.partition(":")
        yield {
            "day": int(day),
            "minute_of_day": read_time(start),
            "route": "sc" if name == "sc" else "iv",
            "dose": None if dose == "-" else float(dose or grams),
            "dose_unit": "g/kg" if name.endswith("g/kg") else "g",
            "premedication": PREMEDICATION,
        }


def read_doses(name: str, cell: str) -> Iterator[Row]:
    """Read doses of a drug in mg/day: ``day:dose``, each to the next, or ``day..day:dose``.

    ``..`` without a day goes on; a third part says why it was stopped; ``?`` is an unknown dose.
    After the name: another route (``?``: none recorded), another unit, ``every 2``: given every
    second day, or ``pulse`` for single intravenous doses in mg.

    >>> [(row["start"], row["end"]) for row in read_doses("prednisone", "-20:20 1:10")]
    [(-20, 0), (1, None)]
    >>> (row,) = read_doses("prednisone mg/kg/day every 2", "0..9:1")
    >>> row["dose_unit"], row["every_n_days"], row["route"]
    ('mg/kg/day', 2, 'oral')
    """
    drug, _, how = name.partition(" ")
    how, _, every = how.partition("every ")
    units = [word for word in how.split() if word.startswith("mg")]
    routes = [None if word == "?" else word for word in how.split() if word not in units]
    is_pulse = routes == ["pulse"]
    words = [word.split(":") for word in cell.split()]
    starts = [int(word[0].partition("..")[0]) for word in words]
    for number, (span, dose, *reason) in enumerate(words):
        _, is_span, end = span.partition("..")
        last: int | None = int(end) if end else None
        if not is_span and number + 1 < len(words):
            last = starts[number + 1] - 1
        yield {
            "drug": drug,
            "start": starts[number],
            "end": starts[number] if is_pulse else last,
            "dose": None if dose == "?" else float(dose),
            "dose_unit": next(iter(units), "mg" if is_pulse else "mg/day"),
            "route": "iv" if is_pulse else next(iter(routes), "oral"),
            "every_n_days": int(every or 1),
            "stop_reason": reason[0] if reason else None,
        }


def read_event(case: Case) -> Row:
    """Read what is recorded of every event of a case: time, value and unit, end, relation."""
    value, _, unit = case.given.get("event value", "").partition(" ")
    ended = case.given.get("event ended")
    return {
        "minute_of_day": read_time(case.given.get("event time")),
        "value": float(value) if value else None,
        "unit": unit or None,
        "end": None if ended is None else int(ended),
        "related": RELATED.get(case.given.get("event related", "")),
    }


def read_time(cell: str | None) -> int | None:
    """Read a time of day into minutes.

    >>> read_time("09:30")
    570
    """
    if cell is None:
        return None
    hours, _, minutes = cell.partition(":")
    return 60 * int(hours) + int(minutes)


def read_dated(cell: str, name: str) -> Iterator[Row]:
    """Read ``day:word``; ``?`` for the day: without a date; no word: none recorded.

    A third part is the grade that was recorded.

    >>> list(read_dated("1:fever:2 ?:", "term"))
    [{'day': 1, 'term': 'fever', 'grade': 2}, {'day': None, 'term': None}]
    """
    for item in cell.split():
        day, _, words = item.partition(":")
        word, _, grade = words.partition(":")
        row: Row = {"day": None if day == "?" else int(day), name: word or None}
        yield {**row, "grade": int(grade)} if grade else row
