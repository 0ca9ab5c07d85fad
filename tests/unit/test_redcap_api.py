"""The interface of REDCap, asked through PyCap on a server of this test: the token stays secret."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from textwrap import dedent
from urllib.parse import parse_qs

import pytest
from tests.unit.test_redcap_reader import (
    EVENTS,
    ROWS,
    STUDY,
    check_all_is_right,
    write_dictionary,
    write_rows,
)

from heliotrope.errors import ExitCode, UserError
from heliotrope.ingest import read_records
from heliotrope.study import read_study

TOKEN = "0123456789ABCDEF0123456789ABCDEF"


class Answering(BaseHTTPRequestHandler):
    """Answer as REDCap does: by the content that is asked for."""

    def do_POST(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        said = {name: values[0] for name, values in asked.items()}
        self.server.asked.append(said)
        contents = {
            "record": write_rows(ROWS),
            "event": EVENTS,
            "metadata": write_dictionary(),
            "version": "14.7.3",
            "project": "project_id,project_title,missing_data_codes\n"
            '1,JDM,"ZZ9, Not asked | NI, No information"\n',
        }
        if said["format"] == "json":
            contents |= {
                "metadata": '[{"field_name": "child", "form_name": "baseline", '
                '"field_type": "text", "select_choices_or_calculations": ""}]',
                "project": '{"is_longitudinal": 1, "project_id": 1}',
                "event": '[{"unique_event_name": "start_arm_1"}]',
                "formEventMapping": "[]",
            }
        is_known = said["token"] == TOKEN
        refused = f"no rights for {said['token']}"
        refused = f'{{"error": "{refused}"}}' if said["format"] == "json" else f"ERROR: {refused}"
        body = contents[said["content"]] if is_known else refused
        self.send_response(200)
        kind = "application/json" if said["format"] == "json" else "text/csv"
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server():
    server = HTTPServer(("127.0.0.1", 0), Answering)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()


@pytest.fixture
def study(server, tmp_path):
    text = dedent(STUDY).replace('missing = ["NI"]', "")
    text = text.replace(
        'file = "data.csv"',
        f'file = "fetched"\napi = "http://127.0.0.1:{server.server_port}/api/"\n'
        'token_variable = "JDM_TOKEN"',
    )
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    return read_study(tmp_path)


def read(study):
    return read_records(study, study.read_rulebook())


def test_records_are_fetched_kept_and_read_and_the_token_is_nowhere(
    study, server, monkeypatch, tmp_path
):
    monkeypatch.setenv("JDM_TOKEN", TOKEN)
    found = read(study)
    check_all_is_right(found)
    kept = sorted(item.name for item in (tmp_path / "fetched").iterdir())
    assert kept == ["data.csv", "dictionary.csv", "event.csv", "project_info.csv"]
    assert set(found.input_hashes) >= {"fetched/data.csv", "fetched/dictionary.csv"}
    assert all(TOKEN.encode() not in item.read_bytes() for item in tmp_path.rglob("*.*"))
    (asked,) = [item for item in server.asked if item["content"] == "record"]
    assert (asked["rawOrLabel"], asked["exportDataAccessGroups"]) == ("raw", "True")


def test_without_a_token_nothing_is_asked(study, server, monkeypatch):
    monkeypatch.delenv("JDM_TOKEN", raising=False)
    with pytest.raises(UserError, match="JDM_TOKEN") as refusal:
        read(study)
    assert refusal.value.exit_code is ExitCode.ENVIRONMENT
    assert not server.asked


def test_a_refusal_does_not_repeat_the_token(study, monkeypatch, tmp_path):
    monkeypatch.setenv("JDM_TOKEN", "F" * 32)
    with pytest.raises(UserError, match="may export data") as refusal:
        read(study)
    assert "no rights for (token)" in str(refusal.value)
    assert not (tmp_path / "fetched").exists()
