"""What the page prints: a figure with its date and its source, a line of question and answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A figure as printed, the day it belongs to, the mark of its source cells."""

    text: str
    when: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Line:
    """What is asked, what the records say, and what that rests on."""

    question: str
    answer: str
    because: str = ""
    mark: str = ""
