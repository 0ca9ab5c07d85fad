"""What every replay reads and returns: trace rows in, the class found again out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TraceRow = Mapping[str, Any]

Truth = bool | None

STATE_OF_TRUTH = {True: "met", False: "not_met", None: "not_evaluable"}
TRUTH_OF_STATE = {"met": True, "not_met": False, "not_evaluable": None, "not_reached": None}


@dataclass(frozen=True)
class Replayed:
    """What a decision comes to when it is made again.

    ``state`` and, for definitions that name a class, ``label`` of the root; ``contradictions``
    are the leaf rows whose recorded state is not what their value gives.
    """

    state: str
    label: str | None
    contradictions: tuple[str, ...] = ()

    def agrees_with(self, root: TraceRow) -> bool:
        """Say whether the recorded root is the same, and no leaf contradicts itself."""
        return (
            not self.contradictions
            and self.state == root["state"]
            and (self.label is None or self.label == root["label"])
        )
