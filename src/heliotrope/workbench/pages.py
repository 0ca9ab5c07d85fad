"""How a page is made: one environment, one frame, everything a source holds escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import ChoiceLoader, Environment, FileSystemLoader
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from heliotrope.errors import UserError
from heliotrope.report.environment import TEMPLATES as REPORT_TEMPLATES
from heliotrope.report.environment import make_environment
from heliotrope.report.language import _, get_language, list_languages
from heliotrope.report.words import RESEARCH_ONLY, say, say_flag, sentence
from heliotrope.workbench.desk import desk_of

HERE = Path(__file__).parent
SHOWN_LENGTH = 280


@cache
def make_pages() -> Environment:
    """Make the environment: the templates of the workbench, then those of the report."""
    report = make_environment()
    pages = report.overlay(
        loader=ChoiceLoader(
            [FileSystemLoader(HERE / "templates"), FileSystemLoader(REPORT_TEMPLATES)]
        )
    )
    pages.filters = {
        **report.filters,
        "sentence": sentence,
        "words": say_words,
        "counted_choices": count_choices,
        "say_size": say_size,
        "say_seconds": say_seconds,
    }
    pages.globals = {**report.globals, "say": say, "shown_length": SHOWN_LENGTH}
    return pages


def say_words(code: str | None) -> str:
    """Spell a code out.

    >>> say_words("not_evaluable")
    'Not evaluable'
    """
    return sentence((code or "").replace("_", " "))


def count_choices(choices: Sequence[tuple[str, int]]) -> list[tuple[str, str]]:
    """Write the choices of a filter with how many rows each has.

    >>> count_choices([("error", 1200)])
    [('error', 'error (1,200)')]
    """
    return [(word, f"{say_flag(word)} ({count:,})") for word, count in choices]


def say_size(size: int) -> str:
    """Say how large a file is.

    >>> say_size(900), say_size(52_300), say_size(31_400_000)
    ('1 kB', '52 kB', '31.4 MB')
    """
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1000)):,} kB"


def say_seconds(seconds: float) -> str:
    """Say how long something took.

    >>> say_seconds(0.4), say_seconds(75)
    ('0.4 s', '75 s')
    """
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:,.0f} s"


def show(
    request: Request, template: str, content: Mapping[str, Any], status: int = 200
) -> HTMLResponse:
    """Show a page."""
    desk = desk_of(request)
    context = {
        "csrf": desk.keys.csrf,
        "path": request.url.path,
        "language": get_language(),
        "languages": list_languages(),
        "research_only": _(RESEARCH_ONLY),
        "notices": desk.take_notices(),
        "seconds": None,
        **content,
    }
    return HTMLResponse(make_pages().get_template(template).render(context), status)


def show_fault(request: Request, error: Exception) -> Response:
    """Show what was expected, what was found and what to do."""
    assert isinstance(error, UserError)
    fault = (error.expected, str(error.found), error.to_do)
    content = {"title": _("That did not work"), "fault": fault}
    return show(request, "fault.html.j2", content, 422)


def show_refusal(request: Request, error: Exception) -> Response:
    """Say that there is nothing at an address, or that a form could not be read."""
    assert isinstance(error, HTTPException)
    is_missing = error.status_code == 404
    title = _("Nothing here") if is_missing else _("This could not be read")
    return show(request, "missing.html.j2", {"title": title}, error.status_code)


def go_to(path: str, **query: str) -> RedirectResponse:
    """Send the browser on to a page."""
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)


def text_of(form: FormData, name: str) -> str:
    """Return a text field; "" where it is missing or a file."""
    value = form.get(name, "")
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""


def number_of(request: Request, name: str, default: int = 1) -> int:
    """Read a number of the address; anything else is the default."""
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else default
