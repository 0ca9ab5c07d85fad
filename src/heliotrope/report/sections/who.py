"""Who was treated and why: a Table 1 and the reasons for starting, recorded and derived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliotrope.report.cohort_flow import list_flow, say_emptied
from heliotrope.report.find_results import Results
from heliotrope.report.language import _, later
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.words import say, sentence

NUMBERS = {
    "age_at_first_infusion_years": later("Age at the first infusion, years"),
    "months_from_onset": later("From the first symptom, months"),
    "months_from_diagnosis": later("From diagnosis, months"),
    "courses": later("Courses"),
    "infusion_days": later("Infusion days"),
    "dose_g_per_kg_first_course": later("Dose of the first course, g/kg"),
    "dose_g_per_kg_per_course": later("Usual dose of a course, g/kg"),
    "interval_days": later("Usual interval, days"),
    "months_on_regimen": later("First to last infusion, months"),
    "months_observed_after_last_infusion": later("Observed after the last infusion, months"),
}
WORDS = {
    "sex": later("Sex"),
    "diagnosis": later("Diagnosis"),
    "antibody": later("Myositis-specific antibody"),
    "site": later("Centre"),
    "earlier_drug": later("Drugs before IVIG"),
    "status": later("IVIG at the end of observation"),
    "stop_reason": later("Why IVIG stopped"),
}
KINDS = {"status": "status", "stop_reason": "stop_reason"}


@dataclass(frozen=True)
class Line:
    """A line of Table 1."""

    label: str
    value: str
    evaluable: str
    is_heading: bool = False


def build_who(report: ReportInput) -> Section:
    """Describe the treated children and say why IVIG was started."""
    results = report.results
    content = {
        "children": results.count("cohort", "children"),
        "treated": results.count("cohort", "with_ivig"),
        "untreated": results.count("cohort", "without_ivig"),
        "later": results.count("cohort", "later_regimens"),
        "table1": [*_list_numbers(results), *_list_words(results)],
        "reasons": _list_reasons(results),
        "agree": results.share("indication", "agree"),
        "flow": (flow := list_flow(report.run.manifest)),
        "emptied": [said for chart in flow if (said := say_emptied(chart))],
    }
    return Section("who", _("Who was treated, and why"), "who.html.j2", content)


def _list_numbers(results: Results) -> Sequence[Line]:
    lines = []
    for variable, label in NUMBERS.items():
        row = results.row("table1", variable, "median")
        if row is not None:
            value = row["formatted"] if row["refused"] is None else _("not recorded")
            lines.append(Line(_(label), value.replace("-", "–"), str(row["n_evaluable"] or 0)))
    return lines


def _list_words(results: Results) -> Sequence[Line]:
    lines: list[Line] = []
    variables = results.variables("table1")
    for name, label in WORDS.items():
        own = [variable for variable in variables if variable.startswith(f"{name}:")]
        if not own:
            continue
        lines.append(Line(_(label), "", "", is_heading=True))
        for variable in own:
            word = variable.partition(":")[2]
            share = results.share("table1", variable)
            count = results.count("table1", variable)
            value = f"{count} ({share.percent})" if share.is_given else f"{count}"
            said = say(KINDS.get(name, name), word)
            lines.append(Line(sentence(said), value, str(share.total or "")))
    return lines


def _list_reasons(results: Results) -> Sequence[tuple[str, str, str]]:
    words = [
        variable.partition(":")[2]
        for variable in results.variables("indication")
        if variable.startswith(("recorded:", "derived:"))
    ]
    reasons = [word for word in dict.fromkeys(words) if word != "none"]
    rows = [*reasons, "none"] if "none" in words else reasons
    return [
        (
            _("None") if word == "none" else say("indication", word),
            _count(results, f"recorded:{word}"),
            _count(results, f"derived:{word}"),
        )
        for word in rows
    ]


def _count(results: Results, variable: str) -> str:
    return str(results.count("indication", variable) or 0)


def say_reasons(reasons: Sequence[str]) -> str:
    """Say a list of reasons; an empty list is none.

    >>> say_reasons(["exacerbation", "other"]), say_reasons([])
    ('exacerbation, other', 'none')
    """
    said = [say("indication", reason) for reason in reasons]
    return ", ".join(word[0].lower() + word[1:] for word in said) or _("none")
