"""The words of the report: what each code of a run means, as a clinician would say it.

The wording is deliberate. Improvement is seen *while receiving* IVIG, since there is no comparator;
where none was seen it was *not shown in these records*; nothing is ever called safe; the dose of
steroid *fell during* IVIG, whatever the cause.
"""

from __future__ import annotations

from functools import cache

from heliotrope.definitions.load import SHIPPED, read_definition
from heliotrope.definitions.report_words import ReportWords
from heliotrope.report.language import InEnglish, _, later, say_count

WORDS_FILE = SHIPPED / "report" / "report_words.toml"
RESEARCH_ONLY = later(
    "Research software: it evaluates records and does not advise a treatment or a dose."
)
NOT_VALIDATED = later(
    "The response patterns are definitions of this project, "
    "not validated against clinicians' judgement."
)

TOGETHER = " + "
UNIT_WORDS = {"d": later("days"), "h": later("hours")}

SPECIAL = {
    "ck": "CK",
    "ivig": "IVIG",
    "tis": "TIS",
    "adl": "ADL",
    "mmt8": "MMT8",
    "cmas": "CMAS",
    "chaq": "CHAQ",
}


@cache
def read_words() -> ReportWords:
    """Read the words once."""
    words = read_definition(WORDS_FILE)
    assert isinstance(words, ReportWords)
    return words


def say(kind: str, code: str | None) -> str:
    """Say a code of one kind in words; a code without its own words is spelt out.

    >>> say("durability", "sustained"), say("drug", "methotrexate"), say("limb", None)
    ('Held', 'Methotrexate', 'not recorded')
    """
    if code is None:
        return _("not recorded")
    words = read_words().words.get(kind, {}).get(code)
    return _(words) if words is not None else _(sentence(say_flag(code)))


def find_advice(reason: str | None) -> str:
    """Say what to record for a reason why a child cannot be evaluated; null: everything.

    >>> find_advice("unconfirmed")[:31]
    'See the child again at least 14'
    """
    advice = read_words().advice
    return _(advice.get(reason or "nothing_recorded", advice["nothing_recorded"]))


def say_flag(code: str) -> str:
    """Spell a flag or a reason out.

    >>> say_flag("within_standard_taper")
    'within standard taper'
    """
    return " ".join(SPECIAL.get(word, word) for word in code.split("_"))


def say_within(code: str) -> str:
    """Spell a measure, a drug or an event out within a text; another language says its title.

    >>> say_within("creatine_kinase"), say_within("fever + transient proteinuria")
    ('creatine kinase', 'fever + transient proteinuria')
    """
    if TOGETHER in code:
        return TOGETHER.join(map(say_within, code.split(TOGETHER)))
    spelt = say_flag(code)
    title = sentence(spelt)
    said = _(title)
    return spelt if said == title else said


def sentence(text: str) -> str:
    """Begin with a capital and leave the rest as it is.

    >>> sentence("fever with proteinuria")
    'Fever with proteinuria'
    """
    whole = text[:1].upper() + text[1:]
    return InEnglish(whole) if isinstance(text, InEnglish) else whole


def whole_sentence(text: str) -> str:
    """Begin with a capital and end with the full stop of the language spoken.

    >>> whole_sentence("fever with proteinuria"), whole_sentence("")
    ('Fever with proteinuria.', '')
    """
    if not text:
        return ""
    begun = sentence(text)
    if isinstance(begun, InEnglish):
        return InEnglish(f"{begun}.")
    return _("{sentence}.").format(sentence=begun)


def count_of(number: int, one: str, many: str | None = None) -> str:
    """Count something in words.

    >>> count_of(1, "child", "children"), count_of(3, "course")
    ('1 child', '3 courses')
    """
    return f"{number:,} {say_count(one, many or one + 's', number)}"


def say_number(value: float) -> str:
    """Write a number without noise.

    >>> say_number(0.1 + 0.2), say_number(1800.0), say_number(-12.5), say_number(-0.0)
    ('0.3', '1800', '-12.5', '0')
    """
    return f"{round(value, 4) + 0:.10g}"


def say_unit(unit: str | None) -> str:
    """Write a unit behind its number; a score has none.

    >>> say_unit("U/L"), say_unit("d"), say_unit("none"), say_unit(None)
    (' U/L', ' days', '', '')
    """
    return (
        ""
        if unit in (None, "none", "")
        else f" {_(UNIT_WORDS[unit]) if unit in UNIT_WORDS else unit}"
    )
