"""A workbench without a server, and a browser that is let in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from starlette.testclient import TestClient

from heliotrope.workbench.application import make_application
from heliotrope.workbench.keys import Keys
from heliotrope.workbench.workspace import Workspace

PORT = 8765
ORIGIN = f"http://127.0.0.1:{PORT}"
OWN = {"sec-fetch-site": "same-origin", "origin": ORIGIN}


@dataclass
class Visitor:
    """A person at the workbench."""

    client: TestClient
    keys: Keys
    workspace: Workspace

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Look at a page."""
        return self.client.get(path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        """Send a form."""
        return self.client.post(f"{path}?csrf={self.keys.csrf}", **options)

    def upload(self, files: dict[str, bytes], title: str = "ward") -> httpx.Response:
        """Upload files."""
        sent = [("files", (name, content)) for name, content in files.items()]
        return self.post("/upload", data={"title": title}, files=sent)

    def wait(self, response: httpx.Response, seconds: float = 60) -> httpx.Response:
        """Stay on the page of a job until it leads on."""
        deadline = time.monotonic() + seconds
        while "/jobs/" in str(response.url) and "data-job" in response.text:
            assert time.monotonic() < deadline
            time.sleep(0.1)
            response = self.get(str(response.url))
        return response


@contextmanager
def visiting(folder: Path, root: Path | None = None) -> Iterator[Visitor]:
    """Open a workbench over a folder, and let a browser in."""
    workspace, keys = Workspace(folder, root or folder), Keys(PORT)
    folder.mkdir(parents=True, exist_ok=True)
    with TestClient(make_application(workspace, keys), base_url=ORIGIN, headers=OWN) as client:
        client.cookies.set(keys.cookie, keys.session)
        yield Visitor(client, keys, workspace)
