"""A Spark cluster on this machine: a master and two workers with a core each, on the loopback.

Started with what the pip package of Spark brings, as the manual says.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Compile quickly, collect simply: these programs live for a minute.
CALM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

# Two names of this machine: Spark starts no second copy of a task on the host of the first.
HOSTS = ("127.0.0.1", "127.0.0.2")

# What a session on it needs.
SETTINGS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.extraJavaOptions": CALM,
    "spark.executor.extraJavaOptions": CALM,
    "spark.executor.memory": "512m",
    "spark.executor.cores": "1",
    "spark.executorEnv.OMP_NUM_THREADS": "1",
    "spark.ui.enabled": "false",
}


@contextmanager
def start_cluster(folder: Path) -> Iterator[str]:
    """Start it, logs and scratch in ``folder``, and give its address; it ends with the block."""
    import pyspark

    home = Path(pyspark.__file__).parent
    with socket.socket() as free:
        free.bind((HOSTS[0], 0))
        port = free.getsockname()[1]
    address = f"spark://{HOSTS[0]}:{port}"
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
    try:
        yield address
    finally:
        for process in reversed(running):
            os.killpg(process.pid, signal.SIGTERM)
        for process in running:
            process.wait(30)
