"""Work that falls into parts, shared out among the processors; the answers keep their order."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Answer = TypeVar("Answer")

# As in other numerical libraries: how many threads a person allows.
THREADS_VARIABLE = "OMP_NUM_THREADS"


def share_out(work: Callable[..., Answer], tasks: Sequence[tuple[Any, ...]]) -> list[Answer]:
    """Call a function with the arguments of every task; return the answers in order.

    The first task is done alone: what it compiles serves the others. Errors: the first one raised.

    >>> share_out(lambda day, dose: day * dose, [(2, 3), (4, 5)])
    [6, 20]
    """
    first = [work(*task) for task in tasks[:1]]
    rest = tasks[1:]
    threads = min(count_threads(), len(rest))
    if threads < 2:
        return first + [work(*task) for task in rest]
    with ThreadPoolExecutor(threads) as pool:
        return first + list(pool.map(lambda task: work(*task), rest))


def count_threads() -> int:
    """Return how many threads may run: the processors, fewer where OMP_NUM_THREADS says so."""
    processors = os.cpu_count() or 1
    allowed = os.environ.get(THREADS_VARIABLE, "")
    return min(processors, int(allowed)) if allowed.isdigit() and int(allowed) else processors
