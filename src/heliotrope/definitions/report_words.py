"""The words of a report: what each code of a run is called, and what to record when it is not."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from heliotrope.definitions.model import Definition


class ReportWords(Definition):
    """Codes and sentences; a code without words is spelt out by the report."""

    kind: Literal["report_words"]
    words: dict[str, dict[str, str]] = Field(description="kind of code -> code -> sentence")
    advice: dict[str, str] = Field(description="reason -> what to record")
