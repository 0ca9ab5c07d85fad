"""Each lock of the workbench: everything else in order, and that one thing wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.unit.workbench_client import ORIGIN, OWN, PORT, Visitor, visiting

from heliotrope.workbench import security
from heliotrope.workbench.application import make_application
from heliotrope.workbench.keys import Keys
from heliotrope.workbench.workspace import Workspace


@pytest.fixture
def visitor(tmp_path: Path) -> Iterator[Visitor]:
    with visiting(tmp_path / "work") as one:
        yield one


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[tuple[TestClient, Keys]]:
    workspace, keys = Workspace(tmp_path / "work", tmp_path), Keys(PORT)
    with TestClient(
        make_application(workspace, keys), base_url=ORIGIN, follow_redirects=False
    ) as client:
        yield client, keys


def test_without_the_cookie_nothing_is_shown(stranger: tuple[TestClient, Keys]) -> None:
    client, _keys = stranger
    for path in ("/", "/static/style.css", "/studies/x", "/definitions"):
        assert client.get(path).status_code == 403
    assert "whole address" in client.get("/").text


def test_a_wrong_token_and_a_wrong_cookie_are_refused(stranger: tuple[TestClient, Keys]) -> None:
    client, keys = stranger
    assert client.get("/?token=guessed").status_code == 403
    assert client.get(f"/studies/x?token={keys.token}").status_code == 403
    client.cookies.set(keys.cookie, keys.token)
    assert client.get("/").status_code == 403


def test_the_token_is_exchanged_for_a_cookie_no_script_and_no_other_site_can_use(
    stranger: tuple[TestClient, Keys],
) -> None:
    client, keys = stranger
    answer = client.get(f"/?token={keys.token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{keys.cookie}={keys.session};")
    assert {part.strip().lower() for part in cookie.split(";")[1:]} >= {
        "httponly",
        "samesite=strict",
        "path=/",
    }
    assert client.get("/").status_code == 200


def test_the_secrets_are_long_and_new_at_every_start() -> None:
    one, other = Keys(1), Keys(1)
    found = {one.token, one.session, one.csrf, other.token, other.session, other.csrf}
    assert len(found) == 6
    assert min(map(len, found)) >= 43


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", f"[::1]:{PORT}"]
)
def test_a_name_that_was_rebound_to_this_machine_is_refused(visitor: Visitor, host: str) -> None:
    assert visitor.get("/", headers={"host": host}).status_code == 421


def test_both_names_of_the_loopback_are_its_own(visitor: Visitor) -> None:
    headers = {
        "host": f"localhost:{PORT}",
        "cookie": f"{visitor.keys.cookie}={visitor.keys.session}",
    }
    assert visitor.get("/", headers=headers).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_page_can_neither_read_nor_write(visitor: Visitor, site: str) -> None:
    headers = {"sec-fetch-site": site}
    assert visitor.get("/", headers=headers).status_code == 403
    assert visitor.post("/example", headers=headers).status_code == 403


def test_the_address_bar_may_read_and_not_write(visitor: Visitor) -> None:
    headers = {"sec-fetch-site": "none"}
    assert visitor.get("/", headers=headers).status_code == 200
    assert visitor.post("/example", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:9", "https://127.0.0.1:8765"]
)
def test_a_form_of_another_origin_is_refused(visitor: Visitor, origin: str) -> None:
    assert visitor.post("/example", headers={"origin": origin}).status_code == 403


def test_an_old_browser_must_name_its_origin(tmp_path: Path) -> None:
    with visiting(tmp_path / "work") as one:
        del one.client.headers["sec-fetch-site"]
        assert one.post("/example").status_code == 200
        assert one.post("/example", headers={"origin": "null"}).status_code == 403
        del one.client.headers["origin"]
        assert one.post("/example").status_code == 403


def test_a_form_without_its_token_is_refused(visitor: Visitor) -> None:
    for query in ("", "?csrf=", "?csrf=guessed", f"?csrf={visitor.keys.token}"):
        assert visitor.client.post(f"/example{query}", headers=OWN).status_code == 403
    twice = f"?csrf={visitor.keys.csrf}&csrf={visitor.keys.csrf}"
    assert visitor.client.post(f"/example{twice}").status_code == 403
    assert visitor.workspace.list_places("study") == []


def test_every_address_that_changes_something_wants_a_form() -> None:
    from heliotrope.workbench.addresses import make_routes

    for route in make_routes():
        assert route.methods in ({"GET", "HEAD"}, {"POST"}), route.path  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_ways_of_asking_are_refused(visitor: Visitor, method: str) -> None:
    assert visitor.client.request(method, "/").status_code == 405


@pytest.mark.parametrize("path", ["/", "/static/style.css", "/nothing"])
def test_every_answer_carries_the_headers(visitor: Visitor, path: str) -> None:
    headers = visitor.get(path).headers
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'",
                 "base-uri 'none'", "form-action 'self'"):  # fmt: skip
        assert part in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"


def test_a_refusal_carries_them_too(stranger: tuple[TestClient, Keys]) -> None:
    client, _keys = stranger
    assert client.get("/").headers["x-frame-options"] == "DENY"


def test_no_page_holds_what_its_policy_forbids(visitor: Visitor) -> None:
    visitor.post("/example", data={"example": "seven_children"})
    for path in ("/", "/studies/seven-children", "/studies/seven-children/findings"):
        text = visitor.get(path).text
        assert " style=" not in text
        assert "<style" not in text
        assert "onclick" not in text
        assert text.count("<script") == text.count('<script type="module" src="/static/')


def test_a_body_that_announces_too_much_is_not_read(visitor: Visitor) -> None:
    headers = {"content-length": str(security.MOST_BYTES + 1)}
    assert visitor.post("/example", headers=headers, content=b"x").status_code == 413
    headers = {"content-length": str(security.MOST_UPLOADED_BYTES + 1)}
    assert visitor.post("/upload", headers=headers, content=b"x").status_code == 413


def test_a_body_that_announces_nothing_is_counted(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "MOST_UPLOADED_BYTES", 1000)
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="visits.csv"\r\n\r\n'

    def send() -> Iterator[bytes]:
        yield head
        for _ in range(20):
            yield b"x" * 100
        yield b"\r\n--b--\r\n"

    kind = {"content-type": "multipart/form-data; boundary=b"}
    answer = visitor.post("/upload", headers=kind, content=send())
    assert answer.status_code == 413
    assert visitor.workspace.list_places("study") == []


def test_a_websocket_gets_nothing(tmp_path: Path) -> None:
    app = make_application(Workspace(tmp_path / "work", tmp_path), Keys(PORT))

    async def fail(*_: Any) -> Any:
        raise AssertionError("the workbench answered")

    call = app({"type": "websocket", "path": "/", "headers": []}, fail, fail)
    # A thread of its own: where a browser was used before, this one has a loop that runs on.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, call).result()


@pytest.mark.parametrize(
    "path",
    [
        "/studies/..%2f..%2fetc",
        "/studies/%2e%2e",
        "/runs/..%2f",
        "/static/..%2f..%2fserve.py",
        "/static/%2e%2e/serve.py",
        "/static/workbench.css",
        "/jobs/..%2fworkbench",
        "/studies/ward%00",
        "/studies/WARD",
    ],
)
def test_an_address_names_nothing_outside(visitor: Visitor, path: str) -> None:
    assert visitor.get(path).status_code == 404


def test_a_fault_says_its_place_and_nothing_of_the_records(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from heliotrope.workbench.desk import Desk

    def break_down(*_: object) -> None:
        raise KeyError("Anna Beispiel")

    monkeypatch.setattr(Desk, "list_runs", break_down)
    answer = visitor.get("/")
    said = capsys.readouterr()
    assert answer.status_code == 500
    assert "KeyError in workbench/home.py" in said.err
    assert "Beispiel" not in said.err + said.out + answer.text
