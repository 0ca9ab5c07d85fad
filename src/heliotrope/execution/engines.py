"""The engines by name: add a scheduler here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from heliotrope.execution.jobs import Engine
from heliotrope.execution.local import LocalEngine
from heliotrope.spark_session import SparkSettings, spark_session


@dataclass(frozen=True)
class EngineOrder:
    """Which engine, and what each is told: processes of the local one, settings of Spark."""

    name: str = "local"
    workers: int = 1
    spark: SparkSettings = field(default_factory=SparkSettings)


@contextmanager
def open_engine(order: EngineOrder) -> Iterator[Engine]:
    """Give an engine, and let go of what it holds after.

    Errors: those of the engine, e.g. no Java: UserError. KeyError for a name there is none of.
    """
    with ENGINES[order.name](order) as engine:
        yield engine


@contextmanager
def _open_local(order: EngineOrder) -> Iterator[Engine]:
    """Give the local engine; a session that is wanted all the same is for sources and tables."""
    if order.spark == SparkSettings():
        yield LocalEngine(order.workers)
        return
    with spark_session(order.spark):
        yield LocalEngine(order.workers)


@contextmanager
def _open_spark(order: EngineOrder) -> Iterator[Engine]:
    from heliotrope.execution.spark import SparkEngine

    with spark_session(order.spark) as session:
        yield SparkEngine(session)


ENGINES: dict[str, Callable[[EngineOrder], AbstractContextManager[Engine]]] = {
    "local": _open_local,
    "spark": _open_spark,
}
