"""Tell the procedures that give immunoglobulin from those that measure it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from heliotrope.ingest.context import ReadContext

GIVES, MEASURES = "gives", "measures"
_VOCABULARY = "procedure_word"
_WORD = re.compile(r"[^\W\d_]+")


def says_given(names: Iterable[str], context: ReadContext) -> bool:
    """Say whether the names of a procedure say that a drug is given.

    Rule: one word says so, and none that something is measured or only talked about. A procedure
    that bears a code alone is what the code says: no name is no contradiction.
    """
    lookup = context.words[_VOCABULARY]
    texts = [name for name in names if name]
    said = {lookup.find(word) for name in texts for word in _WORD.findall(name)}
    return not texts or (GIVES in said and MEASURES not in said)
