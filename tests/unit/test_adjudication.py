"""Clinicians' labels against the rules: how labels are settled, and the agreement by hand."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.estimate.agreement import estimate_agreement
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.labels import settle_labels
from heliotrope.estimate.rows import make_results
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.results import TABLES

Label = tuple[str, int | None, str | None, str]

FOUND = [
    ("ann", 1, "rapid"),
    ("ann", 2, "slow"),
    ("ben", 1, "none"),
    ("cat", 1, "rapid"),
    ("dan", 1, "not_evaluable"),
    ("eve", 1, "slow"),
]


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def make(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = (TABLES | CANONICAL)[name].create_empty().schema
    filled = [
        {
            column: row.get(column, [] if dtype == pl.List(pl.String) else None)
            for column, dtype in schema.items()
        }
        for row in rows
    ]
    return pl.DataFrame(filled, schema=schema)


def agree(rulebook: Rulebook, labels: list[Label]) -> pl.DataFrame:
    tables = {
        "response": make(
            "response", [{"patient_id": c, "regimen": r, "pattern": p} for c, r, p in FOUND]
        )
    }
    records = {
        "adjudication": make(
            "adjudication",
            [
                {"row_id": k, "patient_id": c, "regimen": r, "rater": who, "pattern": p}
                for k, (c, r, who, p) in enumerate(labels)
            ],
        )
    }
    return make_results(estimate_agreement(Inputs.of(tables, records, rulebook)))


def find(rows: pl.DataFrame, variable: str, statistic: str, group: str = "all") -> dict[str, Any]:
    found = rows.filter(analysis="agreement", variable=variable, statistic=statistic, group=group)
    assert found.height == 1, f"{found.height} rows of {variable}, {statistic}, {group}"
    return found.row(0, named=True)


def test_without_labels_nothing_is_validated(rulebook: Rulebook) -> None:
    rows = agree(rulebook, [])
    assert rows["refused"].to_list() == [
        "not validated against clinicians' judgement: the study has no adjudication"
    ]


def test_labels_of_nobody_known_validate_nothing(rulebook: Rulebook) -> None:
    row = find(agree(rulebook, [("zoe", 1, "x", "slow")]), "pattern", "proportion_exact")
    assert "no label belongs to a recorded regimen" in row["refused"]


def test_two_raters_who_differ_on_one_child(rulebook: Rulebook) -> None:
    rows = agree(
        rulebook,
        [
            ("ann", None, "x", "Rapid "),
            ("ann", 2, "x", "slow"),
            ("ben", 1, "x", "none"),
            ("cat", 1, "x", "late"),
            ("ben", 1, "y", "slow"),
            ("zoe", 1, "y", "slow"),
        ],
    )
    assert find(rows, "raters_disagree", "n")["value"] == 1
    assert find(rows, "labels_without_regimen", "n")["value"] == 1
    assert find(rows, "settled:open", "n")["value"] == 1
    assert find(rows, "settled:one_rater", "n")["value"] == 3
    shares = rows.filter(statistic="proportion_exact", variable="pattern")
    assert [(g, f.split(" ")[0]) for g, f in shares.select("group", "formatted").rows()] == [
        ("all", "2/3"),
        ("rater_1", "3/4"),
        ("rater_2", "0/1"),
    ]
    between = find(rows, "between_raters", "proportion_exact", "rater_1_and_rater_2")
    assert between["formatted"].startswith("0/1")
    cells = rows.filter(analysis="agreement_cell")
    assert cells["variable"].to_list() == ["rapid:late", "rapid:rapid", "slow:slow"]


def test_no_name_of_a_rater_is_in_any_row(rulebook: Rulebook) -> None:
    rows = agree(rulebook, [("ann", 1, "Dr Rosalind", "rapid"), ("ben", 1, "Dr Ibn", "slow")])
    text = " ".join(str(value) for row in rows.iter_rows() for value in row)
    assert "Rosalind" not in text
    assert "Ibn" not in text
    assert {"rater_1", "rater_2"} <= set(rows["group"])


def test_kappa_by_hand(rulebook: Rulebook) -> None:
    """Found rapid, none, rapid, slow; labels rapid, none, slow, slow: 3 of 4 agree.

    By chance 2/4 x 1/4 + 1/4 x 1/4 + 1/4 x 2/4 = 5/16; kappa = (12/16 - 5/16) / (11/16) = 7/11.
    """
    rows = agree(
        rulebook,
        [
            ("ann", 1, "x", "rapid"),
            ("ben", 1, "x", "none"),
            ("cat", 1, "x", "slow"),
            ("eve", 1, "x", "slow"),
        ],
    )
    row = find(rows, "pattern", "kappa")
    assert row["value"] == pytest.approx(7 / 11)
    assert row["low"] < 7 / 11 < row["high"]
    assert row["n_evaluable"] == 4


def test_not_evaluable_counts_among_all_but_not_among_the_decided(rulebook: Rulebook) -> None:
    rows = agree(rulebook, [("dan", 1, "x", "slow"), ("eve", 1, "x", "rapid")])
    assert find(rows, "pattern", "proportion_exact")["formatted"].startswith("0/2")
    assert find(rows, "pattern_decided", "proportion_exact")["formatted"].startswith("0/1")
    assert find(rows, "improved", "proportion_exact")["formatted"].startswith("1/1")


def test_full_agreement_has_a_kappa_of_1_and_no_interval(rulebook: Rulebook) -> None:
    rows = agree(rulebook, [("ann", 1, "x", "rapid"), ("ben", 1, "x", "none")])
    row = find(rows, "pattern", "kappa")
    assert (row["value"], row["low"], row["high"]) == (1.0, None, None)
    assert "no interval" in row["formatted"]


def test_one_label_throughout_has_no_kappa(rulebook: Rulebook) -> None:
    row = find(agree(rulebook, [("ann", 1, "x", "rapid")]), "pattern", "kappa")
    assert row["value"] is None
    assert "only one class" in row["refused"]


def test_three_raters_are_compared_in_pairs_and_together(rulebook: Rulebook) -> None:
    labels = [
        (child, 1, rater, pattern)
        for rater, patterns in {"a": "rapid none", "b": "rapid none", "c": "rapid slow"}.items()
        for child, pattern in zip(("ann", "ben"), patterns.split(), strict=True)
    ]
    rows = agree(rulebook, labels)
    pairs = rows.filter(variable="between_raters", statistic="n")
    assert pairs.select("group", "value").rows() == [
        ("rater_1_and_rater_2", 2),
        ("rater_1_and_rater_3", 1),
        ("rater_2_and_rater_3", 1),
    ]
    assert find(rows, "between_raters", "kappa_fleiss")["n_evaluable"] == 2
    assert find(rows, "settled:majority", "n")["value"] == 1
    assert find(rows, "pattern", "proportion_exact")["formatted"].startswith("2/2")


@pytest.mark.parametrize(
    ("labels", "label", "way", "dispute"),
    [
        ({"a": "slow"}, "slow", "one_rater", False),
        ({"a": "slow", "b": "slow"}, "slow", "all", False),
        ({"a": "slow", "b": "rapid"}, None, "open", True),
        ({"a": "slow", "b": "rapid", "c": "slow"}, "slow", "majority", True),
        ({"a": "slow", "b": "rapid", "c": "none"}, None, "open", True),
        ({"a": "slow", "b": "slow", "c": "none", "d": "none"}, None, "open", True),
        ({"a": "slow", "b": "rapid", "Consensus": "rapid"}, "rapid", "consensus", True),
        ({"a": "slow", "b": "slow", "consensus": "rapid"}, "rapid", "consensus", False),
        ({"consensus": "none"}, "none", "consensus", False),
    ],
)
def test_how_labels_are_settled(
    labels: dict[str, str], label: str | None, way: str, dispute: bool
) -> None:
    pairs = pl.DataFrame(
        [
            {"patient_id": "ann", "regimen": 1, "rater": rater, "label": word, "found": "slow"}
            for rater, word in labels.items()
        ]
    )
    (row,) = settle_labels(pairs, "consensus").to_dicts()
    assert (row["label"], row["settled_by"], row["has_dispute"]) == (label, way, dispute)


def test_the_consensus_is_no_rater_of_its_own(rulebook: Rulebook) -> None:
    rows = agree(rulebook, [("ann", 1, "x", "slow"), ("ann", 1, "consensus", "rapid")])
    assert "rater_2" not in set(rows["group"])
    assert find(rows, "pattern", "proportion_exact")["formatted"].startswith("1/1")


def test_the_last_of_two_labels_of_a_rater_counts(rulebook: Rulebook) -> None:
    rows = agree(rulebook, [("ann", 1, "x", "slow"), ("ann", None, "x", "rapid")])
    assert find(rows, "pattern", "proportion_exact")["formatted"].startswith("1/1")
