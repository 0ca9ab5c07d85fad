"""What a proposed study.toml asks, and what becomes of its text when a person decides.

A question is a line ``# proposed, confirm: ...`` and the lines switched off below it. To accept it
is to switch them on; to leave it out is to take them away. Nothing else of the text changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliotrope.ingest.proposal import MARK

OFF = "# "
ASKS = f"{OFF}{MARK}"


@dataclass(frozen=True)
class Question:
    """A question: what is asked, the lines that wait for it, and where it stands.

    first: the number of the asking line, from 0; last: that of the line after the question.
    """

    number: int
    asked: str
    lines: Sequence[str]
    first: int
    last: int


def list_questions(text: str) -> list[Question]:
    """List the questions of a study.toml; those inside of another come when it is accepted.

    >>> text = "# proposed, confirm: which unit?\\n# unit = 'U/L'\\nfile = 'a.csv'\\n"
    >>> [(item.asked, item.lines) for item in list_questions(text)]
    [('which unit?', ["unit = 'U/L'"])]
    """
    lines = text.split("\n")
    found: list[Question] = []
    number = 0
    while number < len(lines):
        if not lines[number].startswith(ASKS):
            number += 1
            continue
        first = number
        number += 1
        while number < len(lines) and _waits(lines[number]):
            number += 1
        waiting = [line.removeprefix(OFF) for line in lines[first + 1 : number]]
        asked = lines[first].removeprefix(ASKS).strip()
        found.append(Question(len(found), asked, waiting, first, number))
    return found


def _waits(line: str) -> bool:
    return line.startswith(OFF) and not line.startswith(ASKS)


def decide(text: str, number: int, *, is_accepted: bool) -> str:
    """Accept a question, or leave it out.

    >>> text = "# proposed, confirm: which unit?\\n# unit = 'U/L'\\nfile = 'a.csv'\\n"
    >>> decide(text, 0, is_accepted=True)
    "unit = 'U/L'\\nfile = 'a.csv'\\n"
    >>> decide(text, 0, is_accepted=False)
    "file = 'a.csv'\\n"
    """
    question = list_questions(text)[number]
    lines = text.split("\n")
    lines[question.first : question.last] = question.lines if is_accepted else ()
    return "\n".join(lines)
