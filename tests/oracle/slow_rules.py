"""The composite rules a second time: plain Python, a measure at a time, no Kleene logic.

What is missing is filled in with everything it could be; the answer is decided where all fillings
agree. Nothing here reads a definition file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Literal

Change = Literal["improved", "same", "worse"]
Truth = bool | None

CHANGES: tuple[Change, ...] = ("improved", "same", "worse")


def improved_imacs(changes: Sequence[Change]) -> bool:
    """Three improved, at most two worse, strength (the third) not among them."""
    return changes.count("improved") >= 3 and changes.count("worse") <= 2 and changes[2] != "worse"


def improved_printo(changes: Sequence[Change]) -> bool:
    """Three improved, at most one worse, strength (the third) not the one."""
    return changes.count("improved") >= 3 and changes.count("worse") <= 1 and changes[2] != "worse"


def fill_in(rule: Callable[[Sequence[Change]], bool], changes: Sequence[Change | None]) -> Truth:
    """Decide a rule by trying everything that the missing measures could have done."""
    answers = {
        rule(filled) for filled in product(*[(item,) if item else CHANGES for item in changes])
    }
    return answers.pop() if len(answers) == 1 else None


def held(visits: Sequence[tuple[int, Truth]], asked_days: int, longest_gap: int) -> list[Truth]:
    """Say at each visit whether a state was held up to it: walk back, visit by visit.

    Walk back over the visits that can be judged as long as each met it and the next one back is
    not too far away; the days to the last one reached are what was seen. A visit within the period
    that did not meet it speaks against; else, if too little was seen, nobody knows.
    """
    answers: list[Truth] = []
    for place, (day, truth) in enumerate(visits):
        if not truth:
            answers.append(truth)
            continue
        first, before = day, [item for item in visits[:place] if item[1] is not None]
        for earlier, was_met in reversed(before):
            if not was_met or first - earlier > longest_gap:
                break
            first = earlier
        contradicted = any(
            not was_met and day - earlier < asked_days for earlier, was_met in before
        )
        answers.append(True if day - first >= asked_days else False if contradicted else None)
    return answers


def confirmed(
    visits: Sequence[tuple[int, Truth]], at_least: int | None, at_most: int | None
) -> list[Truth]:
    """Say at each visit whether it confirms the ones before it, within a tolerance."""
    answers: list[Truth] = []
    for place, (day, truth) in enumerate(visits):
        if not truth:
            answers.append(truth)
            continue
        row = [day]
        for earlier, was_met in reversed(visits[:place]):
            if was_met is None:
                continue
            if not was_met or (at_most is not None and row[-1] - earlier > at_most):
                break
            row.append(earlier)
        answers.append(len(row) > 1 and day - row[-1] >= (at_least or 0))
    return answers


def milestone_3_months(improved: Truth, composite: Truth, enzymes: Truth, feature: Truth) -> Truth:
    """Either improvement; and normal enzymes; and no feature: by trying what is missing."""
    parts = (improved, composite, enzymes, feature)
    answers = {
        (a or b) and c and d
        for a, b, c, d in product(*[(True, False) if part is None else (part,) for part in parts])
    }
    return answers.pop() if len(answers) == 1 else None
