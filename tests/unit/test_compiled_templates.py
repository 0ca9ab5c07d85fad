"""Compiled templates are kept beside the templates, and compiled anew when the text changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment, FileSystemLoader

from heliotrope.report.compiled_templates import CompiledTemplates


@pytest.fixture(autouse=True)
def _python_keeps_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    monkeypatch.setattr("sys.pycache_prefix", None)


def make_environment(folder: Path) -> Environment:
    return Environment(
        loader=FileSystemLoader(folder), bytecode_cache=CompiledTemplates(folder), autoescape=True
    )


def test_a_template_is_compiled_once_and_again_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "page.html").write_text("Hello {{ name }}", encoding="utf-8")
    assert make_environment(tmp_path).get_template("page.html").render(name="A") == "Hello A"
    assert len(list((tmp_path / "__pycache__").iterdir())) == 1

    compiled: list[str] = []
    honest = Environment.compile

    def compile_and_count(self: Environment, *args: object, **kwargs: object) -> object:
        compiled.append("once")
        return honest(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Environment, "compile", compile_and_count)
    assert make_environment(tmp_path).get_template("page.html").render(name="B") == "Hello B"
    assert compiled == []
    (tmp_path / "page.html").write_text("Goodbye {{ name }}", encoding="utf-8")
    assert make_environment(tmp_path).get_template("page.html").render(name="B") == "Goodbye B"
    assert compiled == ["once"]
    assert len(list((tmp_path / "__pycache__").iterdir())) == 1


def test_a_torn_file_is_compiled_anew(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("Hello {{ name }}", encoding="utf-8")
    make_environment(tmp_path).get_template("page.html")
    (kept,) = (tmp_path / "__pycache__").iterdir()
    kept.write_bytes(kept.read_bytes()[:10])
    assert make_environment(tmp_path).get_template("page.html").render(name="A") == "Hello A"


def test_nothing_is_kept_where_the_folder_cannot_be_written(tmp_path: Path) -> None:
    nowhere = tmp_path / "a_file"
    nowhere.write_text("", encoding="utf-8")
    environment = Environment(
        loader=DictLoader({"page": "Hello"}),
        bytecode_cache=CompiledTemplates(nowhere / "templates"),
        autoescape=True,
    )
    assert environment.get_template("page").render() == "Hello"


def test_nothing_is_kept_where_python_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    (tmp_path / "page.html").write_text("Hello", encoding="utf-8")
    make_environment(tmp_path).get_template("page.html")
    assert not (tmp_path / "__pycache__").exists()
