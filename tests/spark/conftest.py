"""One Spark cluster, and one session on it, for all tests of this folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.spark.loopback import SETTINGS, start_cluster

SETTINGS_OF_TESTS = {
    **SETTINGS,
    "spark.task.maxFailures": "2",
    "spark.speculation": "true",
    "spark.speculation.interval": "200ms",
    "spark.speculation.minTaskRuntime": "5s",
    "spark.speculation.multiplier": "2",
    "spark.speculation.quantile": "0.5",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.session.timeZone": "America/New_York",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep all of these tests in one process: they share the cluster."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("spark"))


def require_spark() -> None:
    """Skip loudly, in CI fail, where Spark or Java is missing."""
    missing = [] if shutil.which("java") else ["Java (default-jre-headless)"]
    try:
        import pandas  # noqa: F401
        import pyarrow  # noqa: F401
        import pyspark  # noqa: F401
    except ImportError as error:
        missing.append(f"{error.name} (heliotrope[spark])")
    if missing and os.environ.get("CI"):
        pytest.fail(f"missing: {', '.join(missing)}")
    if missing:
        pytest.skip(f"missing: {', '.join(missing)}")


@pytest.fixture(scope="session")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a master and two workers."""
    require_spark()
    with start_cluster(tmp_path_factory.mktemp("cluster")) as address:
        yield address


@pytest.fixture(scope="session")
def spark(master: str, tmp_path_factory: pytest.TempPathFactory):
    """Give a session on that cluster, with a warehouse of its own."""
    from heliotrope.spark_session import SparkSettings, spark_session

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        warehouse = tmp_path_factory.mktemp("warehouse")
        settings = {**SETTINGS_OF_TESTS, "spark.sql.warehouse.dir": warehouse.as_uri()}
        with spark_session(SparkSettings(master, settings)) as session:
            yield session
