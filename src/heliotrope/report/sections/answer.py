"""The answer in one screen: improved, how fast, at what steroid dose, held, with what harm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.draw_shares import draw_shares
from heliotrope.report.find_results import Results, Share
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.words import count_of, say, say_flag, sentence

ONSETS = ("rapid", "intermediate", "slow", "late", "ambiguous")
HELD = ("sustained", "lost_on_treatment", "lost_after_discontinuation")
STEROID = ("sparing", "reduced", "unchanged", "increased")


@dataclass(frozen=True)
class Answer:
    """One question of the first screen: what the records answer, and from how many children."""

    question: str
    answer: str
    details: Sequence[str]
    evaluable: str
    interval: str


def build_answer(report: ReportInput) -> Section:
    """Answer the six questions a clinician asks first."""
    results = report.results
    confirmed = results.share("responded", "confirmed")
    answers = [
        _answer_activity(results, confirmed),
        _answer_steroid(results),
        _answer_speed(results),
        _answer_held(results),
        _answer_after_stopping(results, report.headline_window),
        _answer_harm(results),
    ]
    shares = draw_shares(results, report.headline_window)
    content = {
        "headline": _say_headline(results, confirmed),
        "confirmed": confirmed,
        "treated": results.count("cohort", "with_ivig") or 0,
        "children": results.count("cohort", "children") or 0,
        "answers": answers,
        "chart": render_chart(shares) if shares else None,
        "unevaluable": results.count("responded", "not_evaluable") or 0,
    }
    return Section("answer", "The answer", "answer.html.j2", content)


def _say_headline(results: Results, confirmed: Share) -> str:
    treated = results.count("cohort", "with_ivig") or 0
    children = results.count("cohort", "children") or 0
    if children == 0:
        return "No child stands in these records, or none that qualifies: nothing can be evaluated."
    if treated == 0:
        return (
            f"No child of {count_of(children, 'child', 'children')} in these records was given "
            "IVIG, so there is no response to evaluate."
        )
    if not confirmed.is_given:
        return (
            f"{count_of(treated, 'child', 'children')} received IVIG; these records cannot say of "
            "any of them whether they improved."
        )
    return (
        f"{confirmed.count} of {count_of(confirmed.total or 0, 'child', 'children')} improved "
        "while receiving IVIG, confirmed at a later visit."
    )


def _answer(question: str, share: Share, code: str, details: Sequence[str]) -> Answer:
    return Answer(
        question=question,
        answer=say("answer", code).format(share=share.text)
        if share.is_given
        else sentence(share.refused or "not evaluable"),
        details=[detail for detail in details if detail],
        evaluable="" if share.total is None else str(share.total),
        interval=f"{share.percent} ({share.interval})" if share.is_given else "",
    )


def _answer_activity(results: Results, confirmed: Share) -> Answer:
    ever = results.share("responded", "ever_improved")
    clear = results.share("responded", "confirmed", "not_confounded")
    confounded = results.share("confounded", "confounded")
    return _answer(
        "Activity: did the children improve?",
        confirmed,
        "activity",
        [
            f"At least once, confirmed or not: {ever.text}." if ever.is_given else "",
            f"Another treatment could explain it in {confounded.text}."
            if confounded.is_given
            else "",
            f"Among children without such a confounder: {clear.text}." if clear.is_given else "",
        ],
    )


def _answer_steroid(results: Results) -> Answer:
    share = results.share("steroid_effect", "sparing")
    others = [
        f"{say('steroid_effect', word)}: {results.count('steroid_effect', word)}"
        for word in STEROID[1:]
        if results.count("steroid_effect", word)
    ]
    outside = (
        (results.count("steroid_effect", "not_on_steroid") or 0, "no steroid recorded"),
        (
            results.count("steroid_effect", "not_evaluable") or 0,
            "not evaluable",
        ),
    )
    return _answer(
        "Steroid: did the dose fall?",
        share,
        "steroid",
        [
            "; ".join(others) + "." if others else "",
            "; ".join(f"{sentence(word)}: {number}" for number, word in outside if number),
        ],
    )


def _answer_speed(results: Results) -> Answer:
    share = results.share("onset", "rapid")
    parts = [
        f"{say('onset', word)}: {results.count('onset', word)}."
        for word in ONSETS[1:]
        if results.count("onset", word)
    ]
    return _answer(
        "How fast?",
        share,
        "speed",
        parts,
    )


def _answer_held(results: Results) -> Answer:
    share = results.share("durability", "sustained")
    parts = [
        f"{say('durability', word)}: {results.count('durability', word)}."
        for word in HELD[1:]
        if results.count("durability", word)
    ]
    censored = results.count("durability", "censored") or 0
    if censored:
        parts.append(f"{say('durability', 'censored')}: {censored}.")
    return _answer("Held or lost?", share, "durability", parts)


def _answer_after_stopping(results: Results, window: str) -> Answer:
    share = results.share("aggravation", window)
    population = results.count("aggravation", "population")
    median = results.row("aggravation_time", "median_day", "median")
    return _answer(
        "After stopping?",
        share,
        "after_stopping",
        [
            f"At risk: {count_of(population, 'child', 'children')} improved at the last visit on "
            "IVIG and stopped for another reason than inefficacy or a reaction."
            if population
            else "",
            f"Median time to worsening: {median['formatted']}."
            if median and median["refused"] is None
            else "",
        ],
    )


def _answer_harm(results: Results) -> Answer:
    occasions = results.count("reactions", "any_occasion")
    rate = results.row("reactions", "any_occasion", "rate_per_infusion_day")
    children = results.share("children_with_reaction", "any_occasion")
    bound = results.row("reactions", "any_occasion", "upper_bound_per_infusion_day")
    if rate is None or rate["refused"] is not None:
        reason = (rate or {}).get("refused") or "no reaction table in this run"
        return Answer("Harm recorded?", sentence(reason), [], "", "")
    if not occasions and bound is not None:
        return Answer(
            "Harm recorded?", bound["formatted"], [], f"{bound['n_evaluable']} infusions", ""
        )
    return Answer(
        question="Harm recorded?",
        answer=f"{count_of(occasions or 0, 'occasion')} in {rate['n_evaluable']} infusions",
        details=[
            f"In {children.text} children." if children.is_given else "",
            *(
                f"{sentence(say_flag(name))}: {results.count('reactions_by_occasion', name)}."
                for name in results.variables("reactions_by_occasion")
            ),
        ],
        evaluable=f"{rate['n_evaluable']} infusions",
        interval=rate["formatted"].partition("(")[2].rstrip(")").replace("-", " to "),
    )
