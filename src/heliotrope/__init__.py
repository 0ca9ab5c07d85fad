"""heliotrope: did intravenous immunoglobulin work, for whom, for how long, and why it says so.

The names below are the public API. Each is loaded when it is first used, so that importing the
package is quick.

>>> import heliotrope
>>> heliotrope.read_rulebook().definitions["inactive_disease_2015"].verified
True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heliotrope.definitions.load import Rulebook, read_rulebook
    from heliotrope.definitions.settings import Settings
    from heliotrope.errors import ExitCode, UserError
    from heliotrope.example_studies import find_example
    from heliotrope.records.canonical import CANONICAL
    from heliotrope.records.results import TABLES
    from heliotrope.records.shard import Shard
    from heliotrope.report.explain import Explanation, explain_patient

__version__ = "0.1.0"

__all__ = [
    "CANONICAL",
    "TABLES",
    "ExitCode",
    "Explanation",
    "Rulebook",
    "Settings",
    "Shard",
    "UserError",
    "__version__",
    "explain_patient",
    "find_example",
    "read_rulebook",
]

_HOMES = {
    "CANONICAL": "records.canonical",
    "TABLES": "records.results",
    "ExitCode": "errors",
    "Explanation": "report.explain",
    "Rulebook": "definitions.load",
    "Settings": "definitions.settings",
    "Shard": "records.shard",
    "UserError": "errors",
    "explain_patient": "report.explain",
    "find_example": "example_studies",
    "read_rulebook": "definitions.load",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'heliotrope' has no attribute '{name}'")
    return getattr(import_module(f"heliotrope.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
