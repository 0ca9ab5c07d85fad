"""How the shared results of several sites are combined."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from heliotrope.definitions.model import Definition

POOLING_OF_SITES = "pooling_of_sites"


class PoolingOfSites(Definition):
    """The numbers of pooling, and on which kinds of definitions every result rests."""

    kind: Literal["pooling"]
    level: float = Field(gt=0, lt=1, description="level of every pooled interval")
    added_to_zero_cells: float = Field(gt=0, lt=1, description="where all or none had the outcome")
    foundations: tuple[str, ...] = Field(
        min_length=1, description="kinds of definitions that must agree for any row to be pooled"
    )
