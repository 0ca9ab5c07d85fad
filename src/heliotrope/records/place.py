"""How a person names the place where records stand."""

from __future__ import annotations


def name_place(file: str, sheet: str | None) -> str:
    """Name a file, the sheet of a workbook, or the member of an archive.

    >>> name_place("pilot.zip", "lb.xpt"), name_place("clinic.xlsx", "visits")
    ('pilot.zip/lb.xpt', 'clinic.xlsx, sheet visits')
    """
    if not sheet:
        return file
    is_archive = file.casefold().endswith(".zip")
    return f"{file}/{sheet}" if is_archive else f"{file}, sheet {sheet}"
