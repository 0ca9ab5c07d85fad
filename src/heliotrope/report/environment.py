"""The one way in which templates are read: everything a source holds is escaped."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from heliotrope.report.compiled_templates import CompiledTemplates
from heliotrope.report.estimate_lines import say_interval
from heliotrope.report.language import _, get_tag, mark_english, ngettext, say_defined
from heliotrope.report.say_result import say_result
from heliotrope.report.words import count_of, say_flag, say_number, sentence, whole_sentence

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_NAME, LONGEST_TITLE = 48, 10_000


@cache
def make_environment() -> Environment:
    """Make the environment of every template; a name that is missing is an error."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        bytecode_cache=CompiledTemplates(TEMPLATES),
    )
    environment.install_gettext_callables(_, ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.filters["tag"] = get_tag
    environment.filters["cut"] = cut_text
    environment.filters["name"] = mark_name
    environment.filters["breaks"] = break_code
    environment.filters["commands"] = mark_commands
    environment.filters["said"] = _
    environment.filters["say_flag"] = say_flag
    environment.filters["say_result"] = say_result
    environment.filters["begin"] = sentence
    environment.filters["stop"] = whole_sentence
    environment.filters["defined"] = say_defined
    environment.filters["say_number"] = say_number
    environment.filters["say_interval"] = say_interval
    environment.globals["count_of"] = count_of
    environment.globals["english"] = mark_english
    environment.globals["none_class"] = Markup(' class="none"')
    return environment


def cut_text(text: object, most: int) -> str:
    """Cut a text that would fill the page, and show that it was cut.

    >>> cut_text("S01", 40), cut_text("x" * 50, 8)
    ('S01', 'xxxxxxx…')
    """
    whole = str(text)
    return whole if len(whole) <= most else whole[: most - 1] + "…"


def mark_name(text: object) -> Markup:
    """Write a name out of a source: of its own direction, the rest of a long one in its title.

    >>> str(mark_name("<S01>"))
    '<bdi>&lt;S01&gt;</bdi>'
    """
    whole = str(text)
    if len(whole) <= LONGEST_NAME:
        return Markup("<bdi>{}</bdi>").format(whole)
    cut = cut_text(whole, LONGEST_NAME)
    return Markup('<bdi title="{}">{}</bdi>').format(cut_text(whole, LONGEST_TITLE), cut)


def break_code(code: object) -> Markup:
    """Let a code break over two lines where its words meet, instead of anywhere.

    >>> str(break_code("earlier_drug:methotrexate"))
    'earlier_<wbr>drug:<wbr>methotrexate'
    """
    return Markup("").join(
        Markup("{}<wbr>").format(part) if part[-1] in "_:" else escape(part)
        for part in re.findall(r"[^_:]*[_:]|[^_:]+", str(code))
    )


def mark_commands(text: object) -> Markup:
    """Set what stands between backticks in a text as a command.

    >>> str(mark_commands("as `heliotrope init` writes <it>"))
    'as <code>heliotrope init</code> writes &lt;it&gt;'
    """
    parts = str(text).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )
