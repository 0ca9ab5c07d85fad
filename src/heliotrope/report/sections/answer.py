"""The answer in one screen: improved, how fast, at what steroid dose, held, with what harm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from heliotrope.report.find_results import Results, Share
from heliotrope.report.language import _, ngettext
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.words import say, say_within, sentence

ONSETS = ("rapid", "intermediate", "slow", "late", "ambiguous")
HELD = ("sustained", "lost_on_treatment", "lost_after_discontinuation", "censored")
STEROID = ("sparing", "reduced", "unchanged", "increased", "not_on_steroid", "not_evaluable")
SHOWN_OCCASIONS = 4
REACTION = ("children_with_reaction", "any_occasion")


@dataclass(frozen=True)
class Answer:
    """One question of the first screen: the answer, what belongs to it, the share behind it."""

    question: str
    answer: Markup
    details: Sequence[Markup]
    share: Share | None = None
    unit: str = ""


def build_answer(report: ReportInput) -> Section:
    """Answer the six questions a clinician asks first."""
    results = report.results
    confirmed = results.share("responded", "confirmed")
    answers = [
        _answer_activity(report, confirmed),
        _answer_steroid(report),
        _answer_speed(report),
        _answer_held(report),
        _answer_after_stopping(report),
        _answer_harm(report),
    ]
    content = {
        "headline": _say_headline(report, confirmed),
        "confirmed": confirmed,
        "treated": results.count("cohort", "with_ivig") or 0,
        "children": results.count("cohort", "children") or 0,
        "answers": answers,
        "unevaluable": results.count("responded", "not_evaluable") or 0,
    }
    return Section("answer", _("The answer"), "answer.html.j2", content)


def _say_headline(report: ReportInput, confirmed: Share) -> Markup:
    results = report.results
    treated = results.count("cohort", "with_ivig") or 0
    children = results.count("cohort", "children") or 0
    if children == 0:
        text = _(
            "No child stands in these records, or none that qualifies: nothing can be evaluated."
        )
        return escape(text)
    if treated == 0:
        text = ngettext(
            "No child of {n} child in these records was given IVIG, so there is no response to "
            "evaluate.",
            "No child of {n} children in these records was given IVIG, so there is no response "
            "to evaluate.",
            children,
        )
        return escape(text.format(n=f"{children:,}"))
    if not confirmed.is_given:
        text = ngettext(
            "{n} child received IVIG; these records cannot say whether it improved.",
            "{n} children received IVIG; these records cannot say of any of them whether they "
            "improved.",
            treated,
        )
        return escape(text.format(n=f"{treated:,}"))
    text = ngettext(
        "{share} child improved while receiving IVIG, confirmed at a later visit.",
        "{share} children improved while receiving IVIG, confirmed at a later visit.",
        confirmed.total or 0,
    )
    return escape(text).format(share=report.link(confirmed.text, "responded", "confirmed"))


def _answer(
    report: ReportInput, question: str, code: str, counted: tuple[str, str], details: Sequence[str]
) -> Answer:
    share = report.results.share(*counted)
    if not share.is_given:
        reason = sentence(share.refused or _("not evaluable"))
        return Answer(question, escape(reason), list(map(escape, filter(None, details))))
    linked = report.link(share.text, *counted)
    return Answer(
        question,
        answer=escape(say("answer", code)).format(share=linked),
        details=list(map(escape, filter(None, details))),
        share=share,
    )


def _list_others(report: ReportInput, analysis: str, words: Sequence[str]) -> list[Markup]:
    """List the other words of an axis with their counts, as one sentence."""
    named = [
        Markup("{}: {}").format(say(analysis, word), report.link(f"{count:,}", analysis, word))
        for word in words
        if (count := report.results.count(analysis, word))
    ]
    return [Markup("; ").join(named) + _(".")] if named else []


def _answer_activity(report: ReportInput, confirmed: Share) -> Answer:
    results = report.results
    ever = results.share("responded", "ever_improved")
    clear = results.share("responded", "confirmed", "not_confounded")
    confounded = results.share("confounded", "confounded")
    details = []
    if ever.is_given and ever.text != confirmed.text:
        details.append(_("At least once, confirmed or not: {share}.").format(share=ever.text))
    if confounded.is_given:
        text = _("Another treatment could explain it in {share}.")
        details.append(text.format(share=confounded.text))
    if clear.is_given:
        text = _("Among children without such a confounder: {share}.")
        details.append(text.format(share=clear.text))
    question = _("Activity: did the children improve?")
    return _answer(report, question, "activity", ("responded", "confirmed"), details)


def _answer_steroid(report: ReportInput) -> Answer:
    others = _list_others(report, "steroid_effect", STEROID[1:])
    question = _("Steroid: did the dose fall?")
    return _answer(report, question, "steroid", ("steroid_effect", "sparing"), others)


def _answer_speed(report: ReportInput) -> Answer:
    others = _list_others(report, "onset", ONSETS[1:])
    return _answer(report, _("How fast?"), "speed", ("onset", "rapid"), others)


def _answer_held(report: ReportInput) -> Answer:
    others = _list_others(report, "durability", HELD[1:])
    return _answer(report, _("Held or lost?"), "durability", ("durability", "sustained"), others)


def _answer_after_stopping(report: ReportInput) -> Answer:
    results = report.results
    population = results.count("aggravation", "population")
    median = results.row("aggravation_time", "median_day", "median")
    details = []
    if population:
        text = ngettext(
            "At risk: {n} child improved at the last visit on IVIG and stopped for another reason "
            "than inefficacy or a reaction.",
            "At risk: {n} children improved at the last visit on IVIG and stopped for another "
            "reason than inefficacy or a reaction.",
            population,
        )
        details.append(text.format(n=f"{population:,}"))
    if median and median["refused"] is None:
        text = _("Median time to worsening: {median}.")
        details.append(text.format(median=median["formatted"]))
    counted = ("aggravation", report.headline_window)
    return _answer(report, _("After stopping?"), "after_stopping", counted, details)


def _answer_harm(report: ReportInput) -> Answer:
    results, question = report.results, _("Harm recorded?")
    occasions = results.count("reactions", "any_occasion") or 0
    rate = results.row("reactions", "any_occasion", "rate_per_infusion_day")
    children = results.share(*REACTION)
    bound = results.row("reactions", "any_occasion", "upper_bound_per_infusion_day")
    if rate is None or rate["refused"] is not None:
        reason = (rate or {}).get("refused") or _("no reaction table in this run")
        return Answer(question, escape(sentence(reason)), [])
    if not occasions and bound is not None:
        return Answer(question, escape(bound["formatted"]), [])
    text = ngettext(
        "{n} occasion in {infusions} infusions", "{n} occasions in {infusions} infusions", occasions
    )
    details = [escape(_say_rate(rate["formatted"]))]
    if children.is_given:
        linked = report.link(children.text, *REACTION)
        details.append(escape(_("In {share} children.")).format(share=linked))
    details.append(Markup("; ").join(_list_occasions(results)) + _("."))
    return Answer(
        question,
        answer=escape(text.format(n=f"{occasions:,}", infusions=f"{rate['n_evaluable']:,}")),
        details=details,
        share=children if children.is_given else None,
        unit=_("of children"),
    )


def _say_rate(formatted: str) -> str:
    """Say a rate of the result table, ``4 (2.25 per 100; 0.61-5.75)``, without its count."""
    figure, _sep, interval = formatted.partition("(")[2].rstrip(")").partition("; ")
    text = _("{figure} infusions (95 % CI {interval}).")
    return text.format(figure=figure, interval=interval.replace("-", _(" to ")))


def _list_occasions(results: Results) -> list[str]:
    """List the commonest kinds of occasion; the section on harm has them all."""
    counted = [
        (results.count("reactions_by_occasion", name) or 0, sentence(say_within(name)))
        for name in results.variables("reactions_by_occasion")
    ]
    counted.sort(key=lambda pair: -pair[0])
    listed = [f"{name}: {count}" for count, name in counted[:SHOWN_OCCASIONS]]
    others = sum(count for count, _name in counted[SHOWN_OCCASIONS:])
    return [*listed, _("others: {n}").format(n=others)] if others else listed
