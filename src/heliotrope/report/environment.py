"""The one way in which templates are read: everything a source holds is escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from heliotrope.report.compiled_templates import CompiledTemplates
from heliotrope.report.estimate_lines import say_interval
from heliotrope.report.language import _, ngettext
from heliotrope.report.words import count_of, say_flag, say_number

TEMPLATES = Path(__file__).parent / "templates"


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
    environment.filters["say_flag"] = say_flag
    environment.filters["say_number"] = say_number
    environment.filters["say_interval"] = say_interval
    environment.globals["count_of"] = count_of
    return environment
