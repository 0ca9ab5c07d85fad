"""The words of the report: what each code of a run means, as a clinician would say it.

The wording is deliberate. Improvement is seen *while receiving* IVIG, since there is no comparator;
where none was seen it was *not shown in these records*; nothing is ever called safe; the dose of
steroid *fell during* IVIG, whatever the cause.
"""

from __future__ import annotations

from collections.abc import Mapping

NOT_SHOWN = "Improvement not shown in these records (visits, measures, confounders)"
RESEARCH_ONLY = "Research software: it evaluates records and does not advise a treatment or a dose."
NOT_VALIDATED = (
    "The response patterns are definitions of this project, "
    "not validated against clinicians' judgement."
)

WORDS: Mapping[str, Mapping[str, str]] = {
    "pattern": {
        "rapid": "Improved within days",
        "intermediate": "Improved within six weeks",
        "slow_maintained": "Improved slowly, kept on a markedly lower steroid dose",
        "slow": "Improved slowly",
        "late": "Improved late",
        "transient": "Improved after the first courses only",
        "none": "Improvement not shown",
        "ambiguous": "Improved; how fast or how firmly is open",
        "not_evaluable": "Cannot be evaluated",
    },
    "responded": {
        "confirmed": "Improved while receiving IVIG, confirmed at a later visit",
        "unconfirmed": "Improved at one visit while receiving IVIG, not confirmed",
        "no": NOT_SHOWN,
        "not_evaluable": "Cannot be evaluated from these records",
        "ever_improved": "Improved at least once while receiving IVIG",
    },
    "onset": {
        "rapid": "First seen improved within 1 week of an infusion",
        "intermediate": "First seen improved within 6 weeks",
        "slow": "First seen improved between 6 and 26 weeks",
        "late": "First seen improved after 26 weeks",
        "never": NOT_SHOWN,
        "ambiguous": "When improvement began cannot be told: too few visits",
        "not_evaluable": "Cannot be evaluated from these records",
    },
    "onset_band": {
        "within_6_weeks": "Within 6 weeks",
        "6_to_26_weeks": "6 to 26 weeks",
        "after_26_weeks": "After 26 weeks",
        "ambiguous": "Cannot be told",
    },
    "durability": {
        "sustained": "Held",
        "lost_on_treatment": "Lost while IVIG went on",
        "lost_after_discontinuation": "Lost after IVIG stopped",
        "censored": "Not seen for long enough to tell",
        "not_applicable": "Does not apply (no improvement to hold)",
    },
    "steroid_effect": {
        "sparing": "Fell to half or less during IVIG, for 91 days, without a flare",
        "reduced": "Fell during IVIG, by a quarter or more",
        "unchanged": "Did not change much",
        "increased": "Rose during IVIG",
        "not_on_steroid": "No steroid recorded",
        "not_evaluable": "Cannot be evaluated",
    },
    "visit_state": {
        "met": "improved",
        "not_met": "not improved",
        "not_evaluable": "not evaluable",
        "not_reached": "not reached",
    },
    "aggravation": {
        "met": "Worse after stopping",
        "not_met": "Not worse after stopping",
        "not_evaluable": "Cannot be evaluated",
        "not_reached": "Not at risk",
    },
    "limb": {
        "a": "confirmed deterioration",
        "b": "physician global worse",
        "c": "inactive disease lost",
        "d": "treatment stepped up",
        "e": "flare or worsening documented by the clinician",
        "escalation_only": "treatment stepped up, nothing else recorded",
    },
    "indication": {
        "exacerbation": "Exacerbation",
        "steroid_cannot_be_reduced": "Steroid could not be reduced",
        "replaces_cytotoxic_drug": "Replaced a cytotoxic drug after a complication",
        "induction_in_severe_disease": "Induction in severe initial disease",
        "skin_disease": "Skin disease",
        "other": "Other",
    },
    "status": {
        "discontinued": "stopped",
        "ongoing": "ongoing at the last record",
        "switched_to_sc": "changed to subcutaneous immunoglobulin",
    },
    "stop_reason": {
        "planned_after_response": "planned, after improvement",
        "inefficacy": "no effect seen",
        "adverse_reaction": "adverse reaction",
        "supply_or_cost": "supply or cost",
        "family_choice": "choice of the family",
        "other": "another reason",
        "unknown": "reason not recorded",
    },
    "tier": {
        "A": "total improvement score",
        "B": "fall in a global score",
        "C": "two or more of strength, function, creatine kinase and judgement",
    },
    "severity": {"error": "Errors", "warning": "Warnings", "info": "For information"},
    "drug": {"ciclosporin": "Ciclosporin", "mycophenolate": "Mycophenolate"},
}

SPECIAL = {
    "ck": "CK",
    "ivig": "IVIG",
    "tis": "TIS",
    "adl": "ADL",
    "mmt8": "MMT8",
    "cmas": "CMAS",
    "chaq": "CHAQ",
}


def say(kind: str, code: str | None) -> str:
    """Say a code of one kind in words; a code without its own words is spelt out.

    >>> say("durability", "sustained"), say("drug", "methotrexate"), say("limb", None)
    ('Held', 'Methotrexate', 'not recorded')
    """
    if code is None:
        return "not recorded"
    words = WORDS.get(kind, {}).get(code)
    return words if words is not None else sentence(say_flag(code))


def say_flag(code: str) -> str:
    """Spell a flag or a reason out.

    >>> say_flag("within_standard_taper")
    'within standard taper'
    """
    return " ".join(SPECIAL.get(word, word) for word in code.split("_"))


def sentence(text: str) -> str:
    """Begin with a capital and leave the rest as it is.

    >>> sentence("fever with proteinuria")
    'Fever with proteinuria'
    """
    return text[:1].upper() + text[1:]


def count_of(number: int, one: str, many: str | None = None) -> str:
    """Count something in words.

    >>> count_of(1, "child", "children"), count_of(3, "course")
    ('1 child', '3 courses')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
