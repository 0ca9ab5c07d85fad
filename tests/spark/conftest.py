"""A Spark cluster of its own on the loopback: a master, two workers with a core each, a session."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CALM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

# Two names of this machine: Spark starts no second copy of a task on the host of the first.
HOSTS = ("127.0.0.1", "127.0.0.2")

SETTINGS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.extraJavaOptions": CALM,
    "spark.executor.extraJavaOptions": CALM,
    "spark.executor.memory": "512m",
    "spark.executor.cores": "1",
    "spark.executorEnv.OMP_NUM_THREADS": "1",
    "spark.ui.enabled": "false",
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
    """Start a master and two workers with the scripts of the pip package, as the manual says."""
    require_spark()
    import pyspark

    home = Path(pyspark.__file__).parent
    folder = tmp_path_factory.mktemp("cluster")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"spark://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_DAEMON_JAVA_OPTS": f"{CALM} -Dspark.master.rest.enabled=false",
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_WORKER_DIR": str(folder / "work"),
        "SPARK_LOCAL_DIRS": str(folder / "scratch"),
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
    }

    def start(name: str, host: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [home / "bin" / "spark-class", *arguments, "--webui-port", "0"],
                env={**environment, "SPARK_LOCAL_IP": host},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    deploy = "org.apache.spark.deploy"
    running = [
        start("master", HOSTS[0], f"{deploy}.master.Master", "--host", HOSTS[0], "-p", str(port))
    ]
    for number, host in enumerate(HOSTS):
        worker = (f"{deploy}.worker.Worker", "--host", host, "-c", "1", "-m", "1g", address)
        running.append(start(f"worker-{number}", host, *worker))
    yield address
    for process in reversed(running):
        os.killpg(process.pid, signal.SIGTERM)
    for process in running:
        process.wait(30)


@pytest.fixture(scope="session")
def spark(master: str, tmp_path_factory: pytest.TempPathFactory):
    """Give a session on that cluster, with a warehouse of its own."""
    from heliotrope.spark_session import SparkSettings, spark_session

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        warehouse = tmp_path_factory.mktemp("warehouse")
        settings = {**SETTINGS, "spark.sql.warehouse.dir": warehouse.as_uri()}
        with spark_session(SparkSettings(master, settings)) as session:
            yield session
