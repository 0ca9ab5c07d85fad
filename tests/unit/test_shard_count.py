"""Into how many shards a study is cut: enough for the cores, none larger than memory allows."""

from __future__ import annotations

import pytest

from heliotrope.execution.shards import count_shards


@pytest.mark.parametrize(
    ("patients", "treated", "shards"),
    [
        (0, 0, 1),
        (500, 500, 1),
        (501, 0, 2),
        (4_000, 4_000, 8),
        (22_000, 22_000, 8),
        (22_001, 22_001, 9),
        (176_000, 0, 8),
        (176_001, 0, 9),
        (1_000_000, 100_000, 78),
    ],
)
def test_shards_grow_once_there_are_eight(patients: int, treated: int, shards: int) -> None:
    assert count_shards(patients, treated) == shards
