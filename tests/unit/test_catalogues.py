"""The catalogues of other languages: whole, in step with the pages, and true to placeholders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from docs import make_messages
from typer.testing import CliRunner

from heliotrope.cli import app
from heliotrope.errors import UserError
from heliotrope.report.language import (
    CATALOGUES,
    _,
    get_tag,
    list_languages,
    ngettext,
    speaking,
)
from heliotrope.report.words import count_of
from heliotrope.study import check_study_file

OTHERS = [language for language in list_languages() if language != "en"]
FIELD = re.compile(r"\{(\w*)(?:![rs])?(?::[^}]*)?\}|%\((\w+)\)s|(%%)|(`[^`]+`)|(</?\w+>)")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def path_of(language: str) -> Path:
    """Where a catalogue stands."""
    return CATALOGUES / language / "LC_MESSAGES" / "heliotrope.po"


@pytest.fixture(params=OTHERS)
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    """Each catalogue that ships."""
    return make_messages.read_catalogue(path_of(request.param))


def list_texts(catalogue: Catalog) -> list[Message]:
    """List what is translated, without the header."""
    return [message for message in catalogue if message.id]


def forms_of(said: str | tuple[str, ...] | list[str]) -> list[str]:
    """Return the forms of a text or a translation."""
    return [said] if isinstance(said, str) else list(said)


def test_traditional_chinese_ships() -> None:
    assert "zh_TW" in OTHERS


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_is_in_step_with_the_pages(language: str) -> None:
    path = path_of(language)
    made = make_messages.make_catalogue(language, make_messages.read_catalogue(path))
    printed = make_messages.print_po(made)
    assert path.read_bytes() == printed, "run `make messages` and translate what is new"
    assert path.with_suffix(".mo").read_bytes() == make_messages.print_mo(made)


def test_every_text_is_translated_and_none_is_guessed(catalogue: Catalog) -> None:
    texts = list_texts(catalogue)
    assert len(texts) > 1000
    assert [text.id for text in texts if not make_messages.is_translated(text)] == []
    assert [text.id for text in texts if text.fuzzy] == []


def test_placeholders_commands_and_markup_are_kept(catalogue: Catalog) -> None:
    for text in list_texts(catalogue):
        wanted = sorted({found.group() for found in FIELD.finditer(forms_of(text.id)[-1])})
        for said in forms_of(text.string):
            kept = sorted({found.group() for found in FIELD.finditer(said)})
            assert kept == wanted, text.id


def test_the_chinese_is_traditional_and_gives_no_advice_of_safety() -> None:
    for text in list_texts(make_messages.read_catalogue(path_of("zh_TW"))):
        for said in forms_of(text.string):
            "".join(CHINESE.findall(said)).encode("big5hkscs")
            assert "安全" not in said


def test_texts_are_said_in_the_language_spoken() -> None:
    assert _("Creatine kinase") == "Creatine kinase"
    with speaking("zh_TW"):
        assert _("Creatine kinase") == "肌酸激酶"
        assert _("Improvement not shown in these records.") == "這些紀錄中未顯示改善。"
        assert "接受 IVIG 期間改善" in ngettext(
            "{share} child improved while receiving IVIG, confirmed at a later visit.",
            "{share} children improved while receiving IVIG, confirmed at a later visit.",
            2,
        )
        assert count_of(3, "course", "courses") == "3 個療程"
        assert _("course") == "療程"
        assert _("") == ""
        assert _("a text of nobody") == "a text of nobody"
        assert get_tag() == "zh-Hant-TW"
    assert count_of(3, "course", "courses") == "3 courses"


def test_a_study_names_the_language_of_its_report() -> None:
    assert check_study_file('[report]\nlanguage = "zh_TW"').report.language == "zh_TW"
    with pytest.raises(UserError) as caught:
        check_study_file('[report]\nlanguage = "fr"')
    assert "en, zh_TW" in str(caught.value.found)


@pytest.mark.parametrize("command", ["run X --out Y", "demo", "review X S01", "serve"])
def test_an_unknown_language_is_refused_before_anything_is_done(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--language", "fr"])
    assert result.exit_code == 2
    assert "en, zh_TW" in result.output
