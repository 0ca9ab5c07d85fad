"""The words of result rows in another language: found again, filled in, or marked as English."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import polars as pl
import pytest

import heliotrope.estimate
from heliotrope.report.language import (
    InEnglish,
    list_languages,
    list_result_words,
    say_defined,
    speaking,
)
from heliotrope.report.page import render_report
from heliotrope.report.say_result import PLACEHOLDER, say_result
from heliotrope.report.words import sentence, whole_sentence
from heliotrope.run.manifest import read_manifest
from heliotrope.run.verification import read_rulebook_of

ESTIMATE = Path(heliotrope.estimate.__file__).parent
TOLD = {"varying the conventions", "finding the mode", "drawing with NUTS"}
"""What the terminal says while the pulse model is fitted."""
OTHERS = [language for language in list_languages() if language != "en"]
VALUES = ["5", "61.5", "S 7 & co", "0.25"]


@pytest.fixture
def run(modern_run: Path) -> Path:
    """A run of the modern cohort, whose rows hold most of the words."""
    return modern_run


def fill(text: str) -> tuple[str, dict[str, str]]:
    """Fill a text in as an estimate would, with values that look like nothing else."""
    names = list(dict.fromkeys(PLACEHOLDER.findall(text)))
    values = {name: VALUES[place % len(VALUES)] for place, name in enumerate(names)}
    return PLACEHOLDER.sub(lambda place: values[place[1]], text), values


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_found_again_with_what_was_filled_in(language: str) -> None:
    words = list_result_words(language)
    assert len(words) > 150
    with speaking(language):
        for text, said in words.items():
            filled, values = fill(text)
            expected = PLACEHOLDER.sub(lambda place, values=values: values[place[1]], said)
            assert say_result(filled) == expected, text


@pytest.mark.parametrize("language", OTHERS)
def test_a_page_says_every_word_of_the_rows_in_its_language(run: Path, language: str) -> None:
    rows = pl.read_parquet(run / "results.parquet")
    texts = {text for name in ("formatted", "refused") for text in rows[name].drop_nulls()}
    with speaking(language):
        assert [text for text in texts if isinstance(say_result(text), InEnglish)] == []


def test_chinese_words_of_result_rows() -> None:
    with speaking("zh_TW"):
        assert say_result("not estimated") == "未估計"
        assert say_result("7/22 (32 %; 14 to >99)") == "7/22 (32 %; 14 至 >99)"
        assert say_result("-0.36 (-0.78 to 0.06)") == "-0.36 (-0.78 至 0.06)"
        said = say_result("1.00 (no interval: full agreement)")
        assert said == "1.00（無區間：完全一致）"
        said = say_result(
            "no value of physician global is recorded in these children: activity was not measured"
        )
        assert said == "這些病童沒有醫師整體評估的記錄值：未測量活動度"


def test_what_no_catalogue_holds_is_marked_as_english() -> None:
    with speaking("zh_TW"):
        said = whole_sentence(sentence(say_result("a reason of <another> version")))
        assert isinstance(said, InEnglish)
        assert said.__html__() == ('<span lang="en">A reason of &lt;another&gt; version.</span>')
        assert isinstance(say_defined("A definition of this study's own"), InEnglish)
        assert not isinstance(say_result("p = 0.031"), InEnglish)
    assert not isinstance(say_result("a reason of <another> version"), InEnglish)


def test_english_on_a_chinese_page_bears_its_language(run: Path) -> None:
    rulebook = read_rulebook_of(read_manifest(run))
    with speaking("zh_TW"):
        page = render_report(run, rulebook)
    assert "臨床無活動疾病，2015 年修訂" in page
    assert page.count(' lang="en"') > 100
    assert '="<span lang' not in page, "markup inside an attribute"
    assert "&lt;span lang" not in page, "markup escaped a second time"
    english = (run / "report.html").read_text(encoding="utf-8")
    assert ' lang="en"' not in re.sub(r"<html[^>]*>", "", english)


def list_unmarked(tree: ast.Module) -> list[str]:
    """List texts of two words or more that are no docstring, no error and not marked."""
    passed: set[int] = set()
    for node in ast.walk(tree):
        is_marked = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "worded"
        if is_marked or isinstance(node, ast.Raise):
            passed |= {id(part) for part in ast.walk(node)}
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            passed.add(id(node.value))
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed
    ]
    return [text for text in texts if re.search(r"[a-z]{2,} [a-z]{2,}", text)]


def test_every_word_of_an_estimate_is_marked_for_the_catalogues() -> None:
    found = {
        text: path.name
        for path in ESTIMATE.rglob("*.py")
        for text in list_unmarked(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert {text: name for text, name in found.items() if text not in TOLD} == {}
    assert list_unmarked(ast.parse("reason = 'no child improved'")) == ["no child improved"]
