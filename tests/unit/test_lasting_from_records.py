"""From the tables of a simulated registry to what lasts: the bridge, the start rule, the answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jax
import numpy as np
import polars as pl
import pytest

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.pulse_model import PULSE_MODEL, PulseModel
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.pulse.data import PulseData
from heliotrope.estimate.pulse.estimate import estimate_pulse_model
from heliotrope.estimate.pulse.parameters import starting_activity
from heliotrope.estimate.pulse.prepare import prepare_jax
from heliotrope.estimate.pulse.records import Cohort, read_cohort
from heliotrope.estimate.pulse.refusals import compute_coverage
from heliotrope.estimate.pulse.start import choose_start_rule, mark_risk
from heliotrope.estimate.rows import Row, make_results
from heliotrope.ingest import read_records
from heliotrope.records.shard import Shard
from heliotrope.report.find_results import Results
from heliotrope.report.read_lasting import list_lasting, read_lasting, say_start
from heliotrope.simulate.cohort import write_csv
from heliotrope.simulate.known_truth.charts import SeenChart, View, read_charts, round_values
from heliotrope.simulate.known_truth.cohort import CohortPlan, KnownCohort, simulate_known_truth
from heliotrope.simulate.known_truth.parameters import read_known_truth
from heliotrope.simulate.known_truth.records import make_known_tables
from heliotrope.study import read_study

CHILDREN, SEED = 48, 6
FEW = 16
CHANCE = ("lasting_effect_above_important_difference", "posterior_probability")
EFFECT = ("persistent_effect", "posterior_median")


@pytest.fixture(scope="module")
def simulated() -> KnownCohort:
    """A small registry: nine visits fewer a child than usual, so that a fit takes seconds."""
    truth = read_known_truth()
    visits = truth.visits.model_copy(update={"cycles": 12})
    regimen = truth.regimen.model_copy(update={"cycles_at_risk": 5, "infusions_max": 5})
    short = truth.model_copy(update={"visits": visits, "regimen": regimen})
    return simulate_known_truth(CHILDREN, SEED, CohortPlan(truth=short))


@pytest.fixture(scope="module")
def inputs(simulated: KnownCohort, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """The registry as a study folder, read and evaluated; the model with few draws."""
    folder: Path = tmp_path_factory.mktemp("registry") / "study"
    write_csv(make_known_tables(simulated), folder)
    study = read_study(folder)
    rulebook = _make_quick(study.read_rulebook())
    records = read_records(study, rulebook).tables
    tables = evaluate(Shard.from_tables(records), rulebook).tables
    return Inputs.of(tables, records, rulebook)


def _make_quick(rulebook: Rulebook) -> Rulebook:
    """Few draws, of the alternatives only the effect that fades, and a visit a cycle is enough."""
    model = rulebook.get(PULSE_MODEL, PulseModel)
    few = {"draws": 200, "proposals_at_least": 300, "proposals_at_most": 300, "starts": 1}
    fading = tuple(each for each in model.sensitivity if each.persistent_half_life_days)
    fit = model.fit.model_copy(update={**few, "rounds": 1, "child_draws": 20})
    limits = model.refusals.model_copy(update={"visits_a_cycle_at_least": 1.0})
    quick = model.model_copy(update={"fit": fit, "sensitivity": fading, "refusals": limits})
    return replace(rulebook, definitions={**rulebook.definitions, PULSE_MODEL: quick})


def treated_only(inputs: Inputs) -> Inputs:
    """The same clinic, had it kept no record of children without IVIG."""
    return take(inputs, inputs.table("regimen").select("patient_id").unique())


def take(inputs: Inputs, children: pl.DataFrame) -> Inputs:
    """Keep the records of some children."""
    tables, records = (
        {name: table.join(children, on="patient_id", how="semi") for name, table in each.items()}
        for each in (inputs.tables, inputs.records)
    )
    return Inputs.of(tables, records, inputs.rulebook)


@pytest.fixture(scope="module")
def few(inputs: Inputs) -> Inputs:
    """A few of the children, and as few without IVIG asked for, so that a fit takes seconds."""
    model = inputs.rulebook.get(PULSE_MODEL, PulseModel)
    limits = model.refusals.model_copy(update={"children_not_started_at_least": FEW // 3})
    easy = model.model_copy(update={"refusals": limits})
    definitions = {**inputs.rulebook.definitions, PULSE_MODEL: easy}
    relaxed = replace(inputs, rulebook=replace(inputs.rulebook, definitions=definitions))
    return take(relaxed, inputs.patients.select("patient_id").head(FEW))


def read(inputs: Inputs) -> tuple[Cohort, PulseModel]:
    model = inputs.rulebook.get(PULSE_MODEL, PulseModel)
    return read_cohort(inputs, model, model.conventions), model


@pytest.fixture(scope="module")
def direct(simulated: KnownCohort) -> dict[str, SeenChart]:
    charts = read_charts(simulated, View(origin="first_visit"))
    return {f"P{chart.number:07}": chart for chart in charts}


class TestTheBridge:
    def test_everyone_is_there_from_the_first_visit(
        self, inputs: Inputs, direct: dict[str, SeenChart]
    ) -> None:
        cohort, _ = read(inputs)
        assert list(cohort.data.children) == list(direct)
        started = sum(bool(len(chart.infusion_day)) for chart in direct.values())
        assert (cohort.data.n_treated, cohort.start.started) == (started, started)
        assert cohort.start.not_started == CHILDREN - started >= 20
        assert cohort.start.rule == "hazard"

    def test_visits_values_infusions_and_starts_are_those_of_the_simulation(
        self, inputs: Inputs, simulated: KnownCohort, direct: dict[str, SeenChart]
    ) -> None:
        data = read(inputs)[0].data
        ids = [each.id for each in simulated.truth.measures]
        places = [ids.index(measure.name) for measure in data.measures]
        for row, chart in enumerate(direct.values()):
            is_visit, is_given = data.is_visit[row], data.dose[row] > 0
            np.testing.assert_array_equal(data.visit_day[row][is_visit], chart.visit_day)
            expected = round_values(simulated, chart.value)[:, places]
            np.testing.assert_allclose(data.value[row][is_visit], expected, atol=1e-9)
            np.testing.assert_array_equal(data.infusion_day[row][is_given], chart.infusion_day)
            np.testing.assert_allclose(data.dose[row][is_given], chart.dose)
            np.testing.assert_array_equal(data.is_start[row][is_visit], chart.is_start)

    def test_who_is_at_risk_is_known_but_for_visits_that_nobody_planned(
        self, inputs: Inputs, direct: dict[str, SeenChart]
    ) -> None:
        """Records do not say at which visits a start was considered: every one up to the last
        start of all children counts, those between two planned ones too."""
        data = read(inputs)[0].data
        last = max(
            float(chart.visit_day[chart.is_start].max(initial=0)) for chart in direct.values()
        )
        planned = extra = 0
        for row, chart in enumerate(direct.values()):
            found = data.is_at_risk_of_start[row][data.is_visit[row]]
            np.testing.assert_array_equal(
                found | ~chart.is_at_risk_of_start | (chart.visit_day > last), True
            )
            planned += int((found & chart.is_at_risk_of_start).sum())
            extra += int((found & ~chart.is_at_risk_of_start).sum())
        assert 0 < extra < 0.15 * planned

    def test_treated_children_alone_fall_back_and_say_why(self, inputs: Inputs) -> None:
        cohort, model = read(treated_only(inputs))
        assert cohort.start.rule == model.start_rule.default == "none"
        assert "did not start IVIG: 0 (asked for: 20)" in str(cohort.start.reason)
        assert cohort.data.n_children == cohort.data.n_treated
        assert (cohort.data.first_infusion_day == 0).all()

    def test_what_counts_from_the_first_infusion_is_the_same_under_either_day_0(
        self, inputs: Inputs
    ) -> None:
        """Coverage and the level before IVIG do not change because days count from elsewhere."""
        everyone, model = read(inputs)
        treated, _ = read(treated_only(inputs))
        assert compute_coverage(everyone, model, 12.0) == compute_coverage(treated, model, 12.0)
        before = starting_activity(everyone.data)
        assert before == pytest.approx(starting_activity(treated.data))
        never = everyone.data.take(np.flatnonzero(~everyone.data.is_treated))
        assert starting_activity(never) == -np.inf

    def test_few_visits_before_ivig_are_not_enough(self, inputs: Inputs) -> None:
        _, model = read(inputs)
        visits = make_visits({f"N{n:02}": ([0, 30], None) for n in range(20)})
        evidence = choose_start_rule(mark_risk(visits, "rating"), "rating", model)
        assert evidence.visits_a_child == 0.0, "nobody started: no time at risk is known"
        started = {f"S{n:02}": ([0, 30], 30) for n in range(5)}
        visits = make_visits({f"N{n:02}": ([0, 30], None) for n in range(20)} | started)
        evidence = choose_start_rule(mark_risk(visits, "rating"), "rating", model)
        assert (evidence.rule, evidence.visits_a_child) == ("none", 2.0)
        assert "has 2.0 rated visits on average" in str(evidence.reason)


def make_visits(children: dict[str, tuple[list[int], int | None]]) -> pl.DataFrame:
    """Rated visits on given days, and the day of the first infusion."""
    first = pl.date(2020, 1, 1)
    rows = [(child, day, start, 3.0) for child, (days, start) in children.items() for day in days]
    schema = {"patient_id": pl.String, "day": pl.Int64, "start": pl.Int64, "rating": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").select(
        "patient_id",
        date=first + pl.duration(days="day"),
        first_infusion=first + pl.duration(days="start"),
        rating="rating",
    )


def test_a_start_between_visits_is_a_row_of_its_own_and_later_nobody_is_at_risk() -> None:
    """A is started on day 40, between visits; B never, and is seen until day 90; C was started
    before anyone had rated it: nothing is known of why."""
    visits = make_visits({"A": ([0, 30, 60], 40), "B": ([0, 30, 60, 90], None), "C": ([10], 5)})
    marked = mark_risk(visits, "rating")
    told = {
        child: [tuple(row) for row in part.select("day", "is_at_risk", "is_start").rows()]
        for (child,), part in marked.group_by("patient_id", maintain_order=True)
    }
    assert told["A"] == [(0, True, False), (30, True, False), (40, True, True), (60, False, False)]
    assert [day for day, is_at_risk, _ in told["B"] if is_at_risk] == [0, 30]
    assert told["C"] == [(0, False, False)]
    assert marked.filter(pl.col("is_start"))["rating"].to_list() == [None]
    assert marked["date"].max() - marked["date"].min() == timedelta(days=90)


def test_the_odds_of_starting_read_the_last_rating() -> None:
    """A start without a rating of its own counts as one whose rating is the last before it."""
    import jax.numpy as jnp

    from heliotrope.estimate.pulse.sites import Reading, Seen, compute_sites

    reading = Reading(*(jnp.asarray([each]) for each in (0.0, 1.0, 0.5)), -2.0, 0.3, 0.8)
    values = np.array([[2.0], [np.nan], [4.0], [np.nan]])

    def site(value: object, at_risk: list[bool]) -> np.ndarray:
        ends = (jnp.zeros(1), jnp.full(1, 10.0))
        seen = Seen(
            jnp.asarray(value), *ends, jnp.asarray(at_risk), jnp.asarray([False] * 3 + [True])
        )
        return np.asarray(compute_sites(jnp.ones(4), seen, reading, with_start=True).log_likelihood)

    found = site(values, [True] * 4)
    for place, rating in enumerate([2.0, 2.0, 4.0, 4.0]):
        logit = -2.0 + 0.8 * rating + 0.3
        expected = (logit if place == 3 else 0.0) - np.log1p(np.exp(logit))
        measured = site(values, [False] * 4)[place]
        assert found[place] - measured == pytest.approx(expected)


@pytest.fixture(scope="module")
def _compile_fast() -> Iterator[None]:
    prepare_jax()
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def rows_by_name(rows: list[Row]) -> dict[tuple[str, str], Row]:
    return {(row.variable, row.statistic): row for row in rows if row.analysis == "pulse_model"}


@pytest.mark.usefixtures("_compile_fast")
class TestTheAnswer:
    def test_a_registry_with_children_at_risk_gets_one(self, few: Inputs) -> None:
        made = estimate_pulse_model(few)
        rows = rows_by_name(made)
        treated = few.table("regimen")["patient_id"].n_unique()
        assert rows["start_rule:hazard", "n"].value == FEW
        assert rows["children:not_started", "n"].value == FEW - treated
        assert rows["children", "n"].value == treated
        effect, chance = rows[EFFECT], rows[CHANCE]
        assert effect.refused is None
        assert effect.low is not None
        assert effect.high is not None
        assert effect.low < 0.3 < effect.high, "the truth"
        assert effect.n_evaluable == FEW
        assert chance.refused is None
        assert chance.value is not None
        assert rows[f"{CHANCE[0]}:persistent_half_life_180_days", CHANCE[1]].value is not None
        what_if = [row for row in made if row.analysis == "pulse_model_what_if"]
        assert what_if
        assert all(row.refused is None for row in what_if)
        assert {row.n_evaluable for row in what_if} == {treated}

        results = Results(make_results(made))
        answer = read_lasting(results)
        assert answer is not None
        assert answer.chance == chance.formatted
        assert [said for said, _ in answer.fading] == ["were half of it lost every 180 days"]
        said = str(say_start(results))
        assert f"{FEW - treated} children who did not start, {treated} who did" in said
        assert "every child in the records could have been given IVIG" in said
        assert not any(line.is_refused for line in list_lasting(results))

    def test_treated_children_alone_get_none_but_the_drift(self, few: Inputs) -> None:
        made = estimate_pulse_model(treated_only(few))
        rows = rows_by_name(made)
        assert rows["start_rule:none", "n"].value == rows["children", "n"].value
        assert "did not start IVIG: 0 (asked for: 5)" in str(rows[EFFECT].refused)
        assert rows[CHANCE].refused == rows[EFFECT].refused
        assert rows["tipping_drift", "posterior_median"].value is not None
        (what_if,) = [row for row in made if row.analysis == "pulse_model_what_if"]
        assert what_if.refused == rows[EFFECT].refused
        results = Results(make_results(made))
        assert read_lasting(results) is None
        assert "The start is not part of the model here" in str(say_start(results))
        refused = [line for line in list_lasting(results) if line.is_refused]
        assert len(refused) == 1
        assert "treated children alone" in refused[0].remark


def test_data_without_infusions_have_no_first_day() -> None:
    data = PulseData.of([], ())
    assert data.n_treated == 0
    assert len(data.first_infusion_day) == 0
