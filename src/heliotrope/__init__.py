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
    from heliotrope.classify.evaluate import evaluate
    from heliotrope.definitions.load import Rulebook, read_rulebook
    from heliotrope.definitions.settings import Settings
    from heliotrope.errors import ExitCode, UserError
    from heliotrope.example_studies import find_example
    from heliotrope.ingest import read_records
    from heliotrope.pipeline import RunOptions, check_study, run_study
    from heliotrope.records.canonical import CANONICAL
    from heliotrope.records.results import TABLES
    from heliotrope.records.shard import Shard
    from heliotrope.report.explain import Explanation, explain_patient
    from heliotrope.run.verification import verify_run
    from heliotrope.scoring.calculator import ScoreReport, score, score_file
    from heliotrope.simulate.cohort import simulate_cohort
    from heliotrope.study import Study, read_study

__version__ = "0.1.0"

__all__ = [
    "CANONICAL",
    "TABLES",
    "ExitCode",
    "Explanation",
    "Rulebook",
    "RunOptions",
    "ScoreReport",
    "Settings",
    "Shard",
    "Study",
    "UserError",
    "__version__",
    "check_study",
    "evaluate",
    "explain_patient",
    "find_example",
    "read_records",
    "read_rulebook",
    "read_study",
    "run_study",
    "score",
    "score_file",
    "simulate_cohort",
    "verify_run",
]

_HOMES = {
    "CANONICAL": "records.canonical",
    "TABLES": "records.results",
    "ExitCode": "errors",
    "Explanation": "report.explain",
    "Rulebook": "definitions.load",
    "RunOptions": "pipeline",
    "ScoreReport": "scoring.calculator",
    "Settings": "definitions.settings",
    "Shard": "records.shard",
    "Study": "study",
    "UserError": "errors",
    "check_study": "pipeline",
    "evaluate": "classify.evaluate",
    "explain_patient": "report.explain",
    "find_example": "example_studies",
    "read_records": "ingest",
    "read_rulebook": "definitions.load",
    "read_study": "study",
    "run_study": "pipeline",
    "score": "scoring.calculator",
    "score_file": "scoring.calculator",
    "simulate_cohort": "simulate.cohort",
    "verify_run": "run.verification",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'heliotrope' has no attribute '{name}'")
    return getattr(import_module(f"heliotrope.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
