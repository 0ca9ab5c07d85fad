"""Competing events, flares and clustered reactions of small cohorts, worked out by hand."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.model_free import MODEL_FREE, IgaClass, ModelFreeEstimates
from heliotrope.estimate.events.after_stopping_first import (
    derive_first_events,
    estimate_after_stopping_first,
)
from heliotrope.estimate.events.after_stopping_weighted import (
    derive_loss_times,
    estimate_after_stopping_weighted,
)
from heliotrope.estimate.events.clustered_reactions import estimate_clustered_reactions
from heliotrope.estimate.events.flare_times import derive_flare_times, make_risk_rows
from heliotrope.estimate.events.flares import NO_FLARE_AT_ALL, NOT_SEEN, ONE_SIDED, estimate_flares
from heliotrope.estimate.events.reaction_comparisons import (
    NO_IGA,
    NO_RATE,
    derive_rates,
    estimate_reaction_comparisons,
)
from heliotrope.estimate.inputs import NO_IVIG, Inputs
from heliotrope.estimate.rows import Row
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.results import TABLES

D0 = date(2020, 1, 1)

RULEBOOK = read_rulebook()

Made = dict[str, list[dict[str, Any]]]


def day(number: int) -> date:
    return D0 + timedelta(days=number)


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


def inputs_of(rows: Made, rulebook: Rulebook = RULEBOOK) -> Inputs:
    tables = {name: make(name, found) for name, found in rows.items() if name in TABLES}
    records = {name: make(name, found) for name, found in rows.items() if name in CANONICAL}
    return Inputs.of(tables, records, rulebook)


def by_name(rows: list[Row]) -> dict[tuple[str, str, str], Row]:
    named: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        named.setdefault((row.analysis, row.variable, row.statistic), row)
    return named


def regimen(child: str, number: int = 1, **values: Any) -> dict[str, Any]:
    """Three courses from day 0 to 56: cover ends on day 84; the stop is known on day 126."""
    return {
        "patient_id": child,
        "regimen": number,
        "first_infusion": day(0),
        "last_infusion": day(56),
        "last_course_start": day(56),
        "courses": 3,
        "status": "discontinued",
        "purpose": "treatment",
        "stop_known_date": day(56 + 70),
        "observed_until": day(400),
        "reason": "planned_after_response",
    } | values


def stopped(child: str, event: int | None, **values: Any) -> dict[str, Any]:
    return {
        "patient_id": child,
        "regimen": 1,
        "state": "not_met" if event is None else "met",
        "date": None if event is None else day(56 + event),
        "days_after_last_infusion": event,
        "limb": None if event is None else "b",
    } | values


def flare(child: str, when: int) -> dict[str, Any]:
    return {
        "row_id": zlib.crc32(f"{child} {when}".encode()),
        "patient_id": child,
        "date": day(when),
        "kind": "flare",
        "term": "disease flare",
    }


class TestFirstAfterStopping:
    def inputs(self) -> Inputs:
        return inputs_of(
            {
                "regimen": [
                    regimen("worse"),
                    regimen("again"),
                    regimen("again", 2, first_infusion=day(56 + 150), last_infusion=day(256)),
                    regimen("sc"),
                    regimen("dead", observed_until=day(56 + 200)),
                    regimen("well"),
                ],
                "aggravation": [
                    stopped("worse", 90),
                    stopped("again", None),
                    stopped("sc", None),
                    stopped("dead", None),
                    stopped("well", None),
                ],
                "infusion_day": [
                    {"patient_id": "sc", "date": day(56 + 120), "route": "sc"},
                    {"patient_id": "well", "date": day(30), "route": "sc"},
                ],
                "patient": [
                    {"row_id": 1, "patient_id": "dead", "death_date": day(56 + 200)},
                ],
            }
        )

    def test_each_child_has_its_first_event(self) -> None:
        found = derive_first_events(self.inputs()).drop("patient_id").sort("exit").rows()
        assert found == [(70, 90, 1), (70, 120, 3), (70, 150, 2), (70, 200, 4), (70, 344, 0)]

    def test_shares_add_up_and_stand_beside_the_children_at_risk(self) -> None:
        rows = by_name(estimate_after_stopping_first(self.inputs()))
        name = "after_stopping_first"
        share = [
            rows[name, f"{cause}:day_270", "cumulative_incidence"].value
            for cause in ("worsened", "ivig_again", "switched_to_sc", "died")
        ]
        assert share == pytest.approx([0.2] * 4)
        assert rows[name, "none_of_these:day_270", "share_free"].value == pytest.approx(0.2)
        assert rows[name, "day_180", "at_risk"].value == 2
        assert rows[name, "worsened", "n"].value == 1
        interval = rows[name, "worsened:day_90", "cumulative_incidence"]
        assert interval.low is not None
        assert interval.high is not None
        assert 0 < interval.low < 0.2 < interval.high < 1

    def test_an_event_before_the_stop_is_known_does_not_enter(self) -> None:
        inputs = inputs_of({"regimen": [regimen("a")], "aggravation": [stopped("a", 40)]})
        rows = by_name(estimate_after_stopping_first(inputs))
        assert rows["after_stopping_first", "ended_before_entry", "n"].value == 1
        assert rows["after_stopping_first", "curve", "cumulative_incidence"].refused is not None

    def test_nobody_is_refused(self) -> None:
        rows = by_name(estimate_after_stopping_first(inputs_of({})))
        assert rows["after_stopping_first", "curve", "cumulative_incidence"].refused is not None


class TestFlares:
    def test_time_on_and_off_ivig_and_the_flares_in_it(self) -> None:
        inputs = inputs_of(
            {
                "regimen": [
                    regimen("a"),
                    regimen("a", 2, first_infusion=day(200), last_course_start=day(228)),
                ],
                "event": [flare("a", -20), flare("a", 60), flare("a", 150), flare("a", 170)],
            }
        )
        times = derive_flare_times(inputs)
        assert times.spells.select("start", "stop", "is_off").rows() == [
            (0, 84, False),
            (84, 200, True),
            (200, 256, False),
            (256, 400, True),
        ]
        # The flare before IVIG does not count; days 150 and 170 are one flare.
        assert times.flares["day"].to_list() == [60, 150]
        rows = make_risk_rows(times)
        stretches = zip(rows.start, rows.stop, rows.is_event, rows.covariates[:, 0], strict=True)
        assert [tuple(map(float, stretch)) for stretch in stretches] == [
            (0, 60, 1, 0),
            (60, 84, 0, 0),
            (84, 150, 1, 1),
            (150, 200, 0, 1),
            (200, 256, 0, 0),
            (256, 400, 0, 1),
        ]

    def test_subcutaneous_immunoglobulin_ends_the_time(self) -> None:
        inputs = inputs_of(
            {
                "regimen": [regimen("a")],
                "infusion_day": [{"patient_id": "a", "date": day(100), "route": "sc"}],
                "event": [flare("a", 110)],
            }
        )
        times = derive_flare_times(inputs)
        assert times.spells["stop"].max() == 100
        assert times.flares.height == 0

    def test_mean_and_rates(self) -> None:
        inputs = inputs_of(
            {
                "regimen": [regimen("a"), regimen("b", observed_until=day(100))],
                "event": [flare("a", 60), flare("a", 150), flare("b", 90)],
            }
        )
        rows = by_name(estimate_flares(inputs))
        assert rows["flare_mean", "day_60", "mean_cumulative"].value == pytest.approx(0.5)
        assert rows["flare_mean", "day_150", "mean_cumulative"].value == pytest.approx(2.0)
        assert rows["flare_mean", "day_150", "at_risk"].value == 1
        assert rows["flare_rate", "on_ivig", "n"].value == 1
        assert rows["flare_rate", "off_ivig", "n"].value == 2
        months = (84 + 84) / 30.4375
        assert rows["flare_rate", "on_ivig", "rate_per_patient_month"].value == pytest.approx(
            1 / months
        )
        refused = rows["flare_hazard", "off_against_on_ivig", "hazard_ratio"].refused
        assert refused is not None
        assert "2 children: under 20" in refused

    def hazard(self, flares: list[dict[str, Any]]) -> Row:
        """Estimate from 24 children, every other of whom stays on IVIG for 168 days longer."""
        regimens = [
            regimen(f"c{n:02}", last_course_start=day(56 + 168 * (n % 2))) for n in range(24)
        ]
        rows = by_name(estimate_flares(inputs_of({"regimen": regimens, "event": flares})))
        return rows["flare_hazard", "off_against_on_ivig", "hazard_ratio"]

    def test_a_hazard_ratio_is_called_an_association(self) -> None:
        flares = [flare(f"c{n:02}", 20 + n) for n in range(6)]
        row = self.hazard(flares + [flare(f"c{n:02}", 100 + 5 * n) for n in range(20)])
        assert row.value is not None
        assert "an association, not an effect" in row.formatted
        assert row.n_evaluable == 24

    def test_flares_on_one_side_only_and_none_at_all_are_refused(self) -> None:
        off = self.hazard([flare(f"c{n:02}", 200) for n in range(0, 10, 2)])
        assert off.refused == ONE_SIDED.format(where="off IVIG")
        on = self.hazard([flare(f"c{n:02}", 20) for n in range(5)])
        assert on.refused == ONE_SIDED.format(where="on IVIG")
        assert self.hazard([]).refused == NO_FLARE_AT_ALL

    def test_worsening_after_stopping_counts_flares_and_the_first_worsening(self) -> None:
        inputs = inputs_of(
            {
                "regimen": [regimen("a"), regimen("b")],
                "aggravation": [stopped("a", 90), stopped("b", None)],
                "event": [flare("a", 56 + 100), flare("a", 56 + 200), flare("b", 56 + 150)],
            }
        )
        rows = by_name(estimate_flares(inputs))
        # a: day 90 (and the flare on day 100 is the same), day 200; b: day 150.
        assert rows["worsening_mean", "events", "n"].value == 3
        assert rows["worsening_mean", "day_200", "mean_cumulative"].value == pytest.approx(1.5)

    def test_nobody_treated_and_nobody_followed(self) -> None:
        rows = by_name(estimate_flares(inputs_of({})))
        assert rows["flare_mean", "curve", "mean_cumulative"].refused == NO_IVIG
        assert rows["flare_hazard", "off_against_on_ivig", "hazard_ratio"].refused == NOT_SEEN
        unseen = [regimen("a", observed_until=day(0), last_infusion=day(0))]
        rows = by_name(estimate_flares(inputs_of({"regimen": unseen})))
        assert rows["flare_mean", "curve", "mean_cumulative"].refused == NOT_SEEN


def treated(children: int, products: list[str | None], rate: str | None = None) -> Made:
    """Four infusion days a child in two courses; products by child in turn."""
    days: list[dict[str, Any]] = []
    infusions: list[dict[str, Any]] = []
    for number in range(children):
        for place in range(4):
            shared = {"patient_id": f"c{number:02}", "date": day(28 * (place // 2) + place % 2)}
            product = products[number % len(products)]
            days.append(
                {
                    **shared,
                    "route": "iv",
                    "regimen": 1,
                    "course": place // 2 + 1,
                    "product": product,
                    "weight_kg": 20.0,
                }
            )
            infusions.append({**shared, "row_id": 100 * number + place, "rate": rate})
    return {"infusion_day": days, "infusion": infusions}


def reaction(child: str, when: int, group: int, **values: Any) -> dict[str, Any]:
    return {
        "patient_id": child,
        "infusion_day": day(when),
        "regimen": 1,
        "course": when // 28 + 1,
        "date": day(when),
        "term": "fever",
        "window": "infusional",
        "group": group,
        "row_id": group,
    } | values


class TestClusteredReactions:
    def test_infusions_and_courses_count_an_occasion_once(self) -> None:
        made = treated(6, ["X"])
        made["reaction"] = [
            reaction("c00", 0, 1),
            reaction("c00", 0, 1, term="headache", row_id=2),
            reaction("c00", 1, 3),
            reaction("c01", 28, 4, related=False),
            reaction("c02", 0, 5, window="outside"),
        ]
        rows = estimate_clustered_reactions(inputs_of(made))
        named = {(r.group, r.variable, r.statistic): r for r in rows}
        infusion = named["all", "infusion_day", "n"]
        assert (infusion.value, infusion.n_evaluable) == (3, 24)
        assert named["all", "course", "n"].value == 2
        assert named["without_unrelated", "infusion_day", "n"].value == 2
        share = named["all", "infusion_day", "share_clustered"]
        assert share.value is not None
        assert share.low is not None
        assert share.high is not None
        assert 0 < share.low < share.value < share.high
        assert named["all", "infusion_day", "correlation_within_children"].value is not None

    def test_without_a_reaction_only_an_upper_end_is_given(self) -> None:
        named = by_name(estimate_clustered_reactions(inputs_of(treated(7, ["X"]))))
        share = named["reactions_clustered", "infusion_day", "share_clustered"]
        assert (share.value, share.low) == (0.0, 0.0)
        assert share.high == pytest.approx(1 - 0.05 ** (1 / 7))
        refused = named["reactions_clustered", "infusion_day", "correlation_within_children"]
        assert refused.refused is not None

    def test_few_children_and_no_infusion_are_refused(self) -> None:
        made = treated(4, ["X"])
        made["reaction"] = [reaction("c00", 0, 1)]
        named = by_name(estimate_clustered_reactions(inputs_of(made)))
        row = named["reactions_clustered", "infusion_day", "correlation_within_children"]
        assert "4 children" in str(row.refused)
        nobody = by_name(estimate_clustered_reactions(inputs_of({})))
        row = nobody["reactions_clustered", "infusion_day", "share_clustered"]
        assert row.refused is not None


class TestComparisons:
    def test_products_are_compared_from_twenty_children_on(self) -> None:
        made = treated(24, ["X", "X", "Y"])
        made["reaction"] = [reaction(f"c{n:02}", 0, n + 1) for n in (2, 5, 8, 0)]
        rows = by_name(estimate_reaction_comparisons(inputs_of(made)))
        row = rows["reactions_by_product", "others_less:X", "difference_clustered"]
        # Y: 8 children, 32 infusions, 3 followed; X: 16 children, 64 infusions, 1 followed.
        assert row.value == pytest.approx(3 / 32 - 1 / 64)
        assert "an association" in row.formatted
        few = treated(6, ["X", "Y"])
        few["reaction"] = [reaction("c00", 0, 1)]
        rows = by_name(estimate_reaction_comparisons(inputs_of(few)))
        row = rows["reactions_by_product", "others_less:X", "difference_clustered"]
        assert "6 children" in str(row.refused)

    def test_the_rarest_of_many_products_share_one_name(self) -> None:
        products = [*(["A"] * 3), *(f"P{n:02}" for n in range(11))]
        rows = by_name(estimate_reaction_comparisons(inputs_of(treated(14, products))))
        named = {name for analysis, name, _ in rows if analysis == "reactions_by_product"}
        assert {"A", "P00", "P07", "other_products"} <= named
        assert "P08" not in named
        assert rows["reactions_by_product", "other_products:children", "n"].value == 3

    def test_iga_content_is_only_known_where_the_study_says_it(self) -> None:
        made = treated(24, ["X", "Y"])
        made["reaction"] = [reaction(f"c{n:02}", 0, n + 1) for n in (0, 1, 2, 4)]
        rows = by_name(estimate_reaction_comparisons(inputs_of(made)))
        assert rows["reactions_by_iga", "high_less_low", "difference_clustered"].refused == NO_IGA
        source = {"citation": "the maker's leaflet", "flag": "R"}
        classes = [
            IgaClass.model_validate({"product": name, "is_high": name == "X", "source": source})
            for name in "XY"
        ]
        shipped = RULEBOOK.definitions[MODEL_FREE]
        local = shipped.model_copy(
            update={"reactions": shipped.reactions.model_copy(update={"iga_classes": classes})}
        )
        rulebook = replace(RULEBOOK, definitions={**RULEBOOK.definitions, MODEL_FREE: local})
        rows = by_name(estimate_reaction_comparisons(inputs_of(made, rulebook)))
        row = rows["reactions_by_iga", "high_less_low", "difference_clustered"]
        assert row.value == pytest.approx(3 / 48 - 1 / 48)

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("30 mL/h", 1.5),
            ("1,5 ml/kg/h", 1.5),
            ("0.5 mL/min", 1.5),
            ("0.025 mL / kg / min", 1.5),
            ("slow", None),
            ("25", None),
        ],
    )
    def test_rates_are_read_from_text(self, text: str, found: float | None) -> None:
        rates = derive_rates(inputs_of(treated(1, ["X"], text)))["ml_per_kg_h"].unique().to_list()
        assert rates == ([] if found is None else [pytest.approx(found)])

    def test_rates_are_compared_or_refused(self) -> None:
        made = treated(24, ["X"], "30 mL/h")
        made["reaction"] = [reaction(f"c{n:02}", 0, n + 1) for n in range(3)]
        for infusion in made["infusion"]:
            if infusion["date"] == day(0):
                infusion["rate"] = "60 mL/h"
        rows = by_name(estimate_reaction_comparisons(inputs_of(made)))
        row = rows["reactions_by_rate", "followed_less_not", "difference_clustered"]
        # Followed: 3.0 each; not: 21 of 93 at 3.0, the others at 1.5.
        assert row.value == pytest.approx(3.0 - (21 * 3.0 + 72 * 1.5) / 93)
        unread = by_name(estimate_reaction_comparisons(inputs_of(treated(24, ["X"], "slow"))))
        row = unread["reactions_by_rate", "followed_less_not", "difference_clustered"]
        assert row.refused == NO_RATE


class TestLossAfterStopping:
    def cohort(self, died: bool = False) -> Inputs:
        """Thirty children; twelve were last seen by day 370, the others on day 800."""
        lost = [f"c{n:02}" for n in range(12)]
        kept = [f"k{n:02}" for n in range(18)]
        ends = {name: day(150 + 20 * n) for n, name in enumerate(lost)}
        regimens = [regimen(name, observed_until=ends[name]) for name in lost]
        regimens += [regimen(name, observed_until=day(800)) for name in kept]
        aggravation = [stopped(name, None) for name in lost]
        aggravation += [
            stopped(name, 100 + 10 * n if n < 9 else None) for n, name in enumerate(kept)
        ]
        measured = [
            {
                "row_id": number,
                "patient_id": name,
                "date": day(50),
                "measure": "physician_global",
                "value": 2.0 + number % 5 + (name in lost),
            }
            for number, name in enumerate([*lost, *kept])
        ]
        patients = [
            {
                "row_id": number,
                "patient_id": name,
                "followup_end": ends[name],
                "death_date": ends[name] if died else None,
            }
            for number, name in enumerate(lost)
        ]
        patients += [
            {"row_id": 50 + number, "patient_id": name, "followup_end": day(800)}
            for number, name in enumerate(kept)
        ]
        return inputs_of(
            {
                "regimen": regimens,
                "aggravation": aggravation,
                "assessment": measured,
                "patient": patients,
            }
        )

    def test_children_like_those_lost_count_more(self) -> None:
        rows = by_name(estimate_after_stopping_weighted(self.cohort()))
        assert rows["after_stopping_loss", "children", "n"].value == 30
        assert rows["after_stopping_loss", "lost", "n"].value == 12
        ratio = rows["after_stopping_loss", "lost_by_activity", "odds_ratio"].value
        assert ratio is not None
        assert ratio > 1.1
        assert rows["after_stopping_loss", "weight", "maximum"].value > 1
        curve = rows["aggravation_time", "day_365", "survival_weighted"]
        assert curve.n_evaluable == 9  # of the eighteen half worsened, of the twelve none is left
        assert curve.low is not None
        assert curve.high is not None
        assert 0 < curve.low < curve.value < curve.high < 1
        first = rows["after_stopping_first", "worsened:day_365", "cumulative_incidence_weighted"]
        assert first.value == pytest.approx(1 - curve.value)
        assert rows["aggravation_time", "day_90", "survival_weighted"].value == 1

    def test_who_died_was_not_lost(self) -> None:
        rows = by_name(estimate_after_stopping_weighted(self.cohort(died=True)))
        assert rows["after_stopping_loss", "lost", "n"].value == 0
        assert "0 of them were lost" in str(rows["after_stopping_loss", "weight", "mean"].refused)

    def test_nobody_is_refused_and_a_child_followed_to_the_end_is_not_lost(self) -> None:
        rows = by_name(estimate_after_stopping_weighted(inputs_of({})))
        assert rows["after_stopping_loss", "weight", "mean"].refused is not None
        times = derive_loss_times(self.cohort(), RULEBOOK.get(MODEL_FREE, ModelFreeEstimates).loss)
        assert times.filter("is_lost")["patient_id"].str.starts_with("c").all()
        assert times["is_lost"].sum() == 12

    def test_a_dead_child_has_no_further_flare(self) -> None:
        inputs = inputs_of(
            {
                "regimen": [regimen("a"), regimen("b", observed_until=day(100))],
                "event": [flare("a", 150)],
                "patient": [{"row_id": 1, "patient_id": "b", "death_date": day(100)}],
            }
        )
        rows = by_name(estimate_flares(inputs))
        assert rows["flare_mean", "deaths", "n"].value == 1
        assert rows["flare_mean", "day_180", "mean_cumulative"].value == pytest.approx(0.5)
        living = rows["flare_mean", "day_180", "mean_cumulative_of_living"]
        assert living.value == pytest.approx(1.0)
