"""What a table of cases cannot say of drugs in free texts: every spelling, and where it stands."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heliotrope.definitions.drug_text import find_drug, make_drug_names
from heliotrope.definitions.load import read_rulebook

NAMES = make_drug_names(read_rulebook())


def test_a_match_says_where_it_stands() -> None:
    text = "(Solu-Medrol 1 g IV)"
    found = find_drug(text, NAMES)
    assert found is not None
    assert (found.words, text[found.start : found.end]) == ("Solu-Medrol", "Solu-Medrol")
    assert found.is_usable
    refused = find_drug("prednisolone eye drops", NAMES)
    assert refused is not None
    assert not refused.is_usable


SPELLINGS = sorted(
    (spelling, drug.id)
    for drug in NAMES.drugs.values()
    for spelling in (drug.title, *drug.synonyms)
)


@given(
    st.sampled_from(SPELLINGS),
    st.sampled_from(["", " ", "take ", "(", "1. "]),
    st.sampled_from(["", " ", ", daily", ")", " 10 mg"]),
)
def test_every_name_is_found_as_a_whole_word_in_any_case(
    pair: tuple[str, str], before: str, after: str
) -> None:
    spelling, drug = pair
    for text in (spelling, spelling.upper(), spelling.lower()):
        found = find_drug(before + text + after, NAMES)
        assert found is not None
        assert found.drug == drug, found


@given(st.sampled_from(SPELLINGS), st.sampled_from("abcxyz19é"))
def test_a_part_of_a_word_is_no_name(pair: tuple[str, str], letter: str) -> None:
    """The whole of the text but one more letter: never found by that spelling."""
    spelling = pair[0]
    for text in (letter + spelling, spelling + letter):
        found = find_drug(text, NAMES)
        assert found is None or len(found.words) < len(spelling) or found.words == text


@given(st.sampled_from(SPELLINGS), st.sampled_from(["cream", "Ophthalmic Solution", "enema"]))
def test_no_drug_counts_in_a_form_that_does_not_reach_the_body(
    pair: tuple[str, str], form: str
) -> None:
    found = find_drug(f"{pair[0]} {form}", NAMES)
    assert found is not None
    assert found.drug is None
