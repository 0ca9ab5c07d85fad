"""Records of a form that stay where they are until a study is cut by children."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import polars as pl

from heliotrope.ingest.spool import Spool

if TYPE_CHECKING:
    from heliotrope.ingest.delivery import Delivery

# Gives the bucket of each child; of none where no child is named.
FindBuckets = Callable[[pl.Series], pl.Series]


class Apart(Protocol):
    """What the reader of a form offers for rows that it does not hold.

    Its sources stand in the delivery, without these rows; what concerns the study as a whole is
    decided, so that the rows of a child can be laid out without those of any other.
    """

    @property
    def children(self) -> pl.Series:
        """Return the identifiers that the rows use, each once, as the source writes them."""

    @property
    def infused(self) -> pl.Series:
        """Return the identifiers of those with immunoglobulin."""

    @property
    def step(self) -> str:
        """Return what is said while the rows are parted, e.g. the place they stand in."""

    def part(self, spool: Spool, find_buckets: FindBuckets) -> None:
        """Write the rows of each bucket into a spool.

        Errors: those of reading; a full disk: OSError.
        """

    def lay_out(self, spool: Spool, bucket: int) -> Delivery:
        """Lay out the rows of one bucket that were parted: raws, staged, joined and left out."""

    def close(self) -> None:
        """Let go of files: all buckets are laid out, or the study was cut before."""
