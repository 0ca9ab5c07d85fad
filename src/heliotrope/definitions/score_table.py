"""How a small table of visits is read by the score calculator."""

from __future__ import annotations

from typing import Literal

from heliotrope.definitions.model import Definition


class ScoreTableWords(Definition):
    """The names of columns and the words for a baseline that a small table may use."""

    kind: Literal["score_table"]
    patient_columns: tuple[str, ...]
    time_columns: tuple[str, ...]
    age_columns: tuple[str, ...]
    upper_limit_words: tuple[str, ...]
    baseline_words: tuple[str, ...]
    adult_from_age_years: float
