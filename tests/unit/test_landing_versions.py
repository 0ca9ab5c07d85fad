"""How the version of a table is asked for; neither Delta nor Iceberg is at hand in these tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from heliotrope.ingest.landing import _find_version


@dataclass
class Catalogue:
    """Stands for a session: notes what it is asked, and answers with rows."""

    rows: list[dict[str, Any]]
    asked: list[str] = field(default_factory=list)

    def sql(self, query: str) -> SimpleNamespace:
        self.asked.append(query)
        return SimpleNamespace(collect=lambda: self.rows)


@pytest.mark.parametrize(
    ("provider", "rows", "asked", "version"),
    [
        (
            "DELTA",
            [{"version": 12, "timestamp": "2020-01-01", "operation": "WRITE"}],
            ["DESCRIBE HISTORY lake.clinic.visits LIMIT 1"],
            "12",
        ),
        (
            "iceberg",
            [{"snapshot_id": 4686954189838128572}],
            ["SELECT snapshot_id FROM lake.clinic.visits.refs WHERE name = 'main'"],
            "4686954189838128572",
        ),
        ("iceberg", [], ["SELECT snapshot_id FROM lake.clinic.visits.refs WHERE name = 'main'"],
         None),
        ("parquet", [], [], None),
        (None, [], [], None),
    ],
)  # fmt: skip
def test_a_version_is_asked_for_where_the_kind_of_table_has_one(
    provider: str | None, rows: list[dict[str, Any]], asked: list[str], version: str | None
) -> None:
    catalogue = Catalogue(rows)
    found = _find_version(catalogue, "lake.clinic.visits", provider)  # type: ignore[arg-type]
    assert (found, catalogue.asked) == (version, asked)
