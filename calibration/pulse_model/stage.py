"""What every stage shares: time that is left, a file of results that grows, and its head."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

DRAWS = "along the ridge, from two starts"
"""How the posterior is found and drawn from; changed when that changes, so that a report can tell
results of before from those of now."""


@dataclass(frozen=True)
class Order:
    """How long a stage may take, where it writes, and from which seed it draws."""

    seconds: float
    out: Path
    seed: int
    is_quick: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.seconds - (time.monotonic() - self.started)

    def goes_on(self, last_took: float) -> bool:
        """Say whether another piece that takes as long as the last one still fits."""
        return self.left > last_took


class Results:
    """The rows of a part of a stage: one JSON object a line, written as soon as they are known."""

    def __init__(self, order: Order, stage: str, part: str) -> None:
        order.out.mkdir(parents=True, exist_ok=True)
        name = re.sub("[^a-z0-9]+", "_", part.casefold())
        self.path = order.out / f"{stage}.{name}.jsonl"
        self.path.write_text("", encoding="utf-8")
        head = {"head": describe_machine(), "stage": stage, "part": part, "seed": order.seed}
        self.write(head)

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row; numbers keep six digits, what is no number becomes null."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_plain(row)) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{float(value):.6g}") if np.isfinite(value) else None
    return value


def describe_machine() -> dict[str, str]:
    """Name what the results were computed with."""
    import jax

    return {
        "date": time.strftime("%Y-%m-%d"),
        "draws": DRAWS,
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "device": str(jax.devices()[0].device_kind),
        "processor": platform.machine(),
    }


def read_results(folder: Path, stage: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the heads and all rows of a stage's parts; a line that was cut off is left out.

    A head has ``rows``: how many its part gave.
    """
    heads: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for path in sorted(folder.glob(f"{stage}.*.jsonl")):
        lines = path.read_text(encoding="utf-8").splitlines()
        told = [json.loads(line) for line in lines if line.endswith("}")]
        heads, rows = [*heads, {**told[0], "rows": len(told) - 1}], rows + told[1:]
    return heads, rows
