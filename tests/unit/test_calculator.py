"""The score calculator: what a small table may look like, and what it answers."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from heliotrope.errors import UserError
from heliotrope.ingest.score_columns import ScoreTableOptions
from heliotrope.scoring.calculator import ScoreReport, score_file

TYPICAL = """\
patient;visit;PhGA;PtGA;MMT-8;CHAQ;CK;CK_ULN;extramuscular activity
Ada;baseline;6;5;56;1,5;1800;200;3
Ada;week 12;3;3,5;68;0,75;450;200;1,5
"""


@pytest.fixture
def score_text(tmp_path: Path):
    """Score a table given as text."""

    def run(text: str, options: ScoreTableOptions | None = None) -> ScoreReport:
        path = tmp_path / "table.csv"
        path.write_text(text, encoding="utf-8")
        return score_file(path, options=options)

    return run


def test_a_typical_table_with_synonyms_and_decimal_commas(score_text) -> None:
    report = score_text(TYPICAL)
    (score,) = report.scores
    assert (score.patient, score.timepoint) == ("Ada", "week 12")
    assert (score.definition_id, score.population) == ("tis_jdm_imacs", "jdm")
    assert (score.score_lower, score.score_upper, score.category) == (62.5, 62.5, "moderate")
    assert score.because == ()
    assert not score.has_ceiling
    assert [part.points for part in score.components] == [17.5, 2.5, 20, 7.5, 7.5, 7.5]
    assert [part.percent_change for part in score.components] == [30, 15, 15, 25, 45, 15]
    assert (score.components[4].baseline, score.components[4].follow_up) == (1800, 450)


def test_the_answer_can_be_written_as_json(score_text) -> None:
    content = json.loads(json.dumps(score_text(TYPICAL).to_dicts()))
    assert content["scores"][0]["category"] == "moderate"
    assert "inactive_disease_2013" in {item["definition_id"] for item in content["states"]}


def test_adult_thresholds_by_option_and_by_age(score_text) -> None:
    adult = score_text(TYPICAL, ScoreTableOptions(population="adult"))
    assert [(item.definition_id, item.category) for item in adult.scores] == [
        ("tis_adult", "major")
    ]
    rows = TYPICAL.splitlines()
    aged = "\n".join(
        [f"{rows[0]};age_years", f"{rows[1]};17", f"{rows[2]};18"]
        + [row.replace("Ada", "Ben") + ";18" for row in rows[1:]]
    )
    found = {item.patient: item.definition_id for item in score_text(aged).scores}
    assert found == {"Ada": "tis_jdm_imacs", "Ben": "tis_adult"}, "the age at baseline counts"


def test_both_core_sets_where_both_are_recorded(score_text) -> None:
    text = """\
visit,physician_global,patient_global,cmas,mmt8,chaq,disease_activity_score,extramuscular_global
before,7,6,25,60,2,12,4
after,2,2,40,80,0.5,4,4
"""
    scores = {score.definition_id: score for score in score_text(text).scores}
    assert set(scores) == {"tis_jdm_imacs", "tis_jdm_printo"}
    assert scores["tis_jdm_printo"].score_lower == 80
    assert scores["tis_jdm_printo"].category == "major"
    assert [part.measure for part in scores["tis_jdm_imacs"].components][2] == "mmt8"
    assert scores["tis_jdm_printo"].because == (
        "CHQ physical summary: not recorded at this visit (0 to 7.5 points open)",
    )


def test_printo_alone(score_text) -> None:
    text = "visit,physician_global,cmas,das\nbaseline,7,25,12\nlater,2,40,4\n"
    assert [score.definition_id for score in score_text(text).scores] == ["tis_jdm_printo"]


def test_a_missing_limit_leaves_bounds_and_the_reason(score_text) -> None:
    text = TYPICAL.replace("CK_ULN", "remark")
    (score,) = score_text(text).scores
    assert (score.score_lower, score.score_upper) == (55, 62.5)
    assert score.because == (
        "Most abnormal muscle enzyme: no upper limit of normal at baseline (0 to 7.5 points open)",
    )
    assert "remark: not used" in score_text(text).notes
    limited = score_text(text, ScoreTableOptions(upper_limits={"ck": 200}))
    assert limited.scores[0].score_lower == 62.5


def test_units_in_the_header_and_in_options_change_nothing(score_text) -> None:
    text = """\
visit,physician_global_mm,patient_global_0_100,mmt8,chaq_0_3,ck_ukat_l,ck_uln,extramuscular_global_cm
baseline,60,50,56,1.5,30,3.3333333333333335,3
later,30,35,68,0.75,7.5,3.3333333333333335,1.5
"""
    (score,) = score_text(text, ScoreTableOptions(units={"creatine_kinase": "ukat/L"})).scores
    assert (score.score_lower, score.score_upper) == (62.5, 62.5)
    assert score.components[4].baseline == 1800


def test_the_bilateral_muscle_test_has_its_own_denominator(score_text) -> None:
    text = "visit,physician_global,{}\nbaseline,5,140\nlater,4,149\n"
    by_header = score_text(text.format("mmt8_0_150"))
    by_option = score_text(text.format("mmt8"), ScoreTableOptions(maxima={"mmt8": 150}))
    assert by_header.scores[0].components == by_option.scores[0].components
    assert by_header.scores[0].components[2].percent_change == 6
    state = by_header.states[0]
    assert "mmt8: recorded on another scale than the rule was made for" in state.because


def test_a_ceiling_is_said(score_text) -> None:
    text = TYPICAL.replace("6;5;56;1,5;1800;200;3", "1,5;1;76;0,25;250;200;0,5")
    (score,) = score_text(text).scores
    assert (score.score_max_attainable, score.has_ceiling) == (27.5, True)


def test_activity_states_at_follow_up(score_text) -> None:
    text = "visit,physician_global,mmt8,cmas,ck\nbaseline,5,60,30,900\nlater,0.2,78,,150\n"
    states = {item.definition_id: item for item in score_text(text).states}
    assert {name: item.state for name, item in states.items()} == {
        "inactive_by_mmt8": "met",
        "inactive_by_physician_global": "met",
        "inactive_disease_2013": "met",
        "inactive_disease_2015": "met",
    }
    assert states["inactive_by_mmt8"].because == ("mmt8: 78 >= 78: met",)
    assert states["inactive_disease_2015"].because[0] == "physician_global: 0.2 cm <= 0.2: met"
    assert "cmas: not recorded at this visit" in states["inactive_disease_2015"].because


def test_several_follow_ups_and_patients_without_a_patient_named_baseline(score_text) -> None:
    text = """\
patient,physician_global,mmt8
A,8,40
A,4,60
A,0,80
B,8,40
B,8,40
"""
    found = [(item.patient, item.timepoint, item.score_lower) for item in score_text(text).scores]
    assert found == [("A", "row 3", 45), ("A", "row 4", 52.5), ("B", "row 6", 0)]


def test_a_workbook_is_read_like_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "table.xlsx"
    pl.DataFrame(
        {"visit": ["baseline", "later"], "physician_global": [8.0, 0.0], "mmt8": [40, 80]}
    ).write_excel(path)
    assert score_file(path).scores[0].score_lower == 52.5


@pytest.mark.parametrize(
    ("text", "expected", "found"),
    [
        ("visit,shoe_size\na,1\nb,2\n", "core set measures", "none that is known"),
        ("visit,ck,cpk\nbaseline,1,1\nb,2,2\n", "one column for creatine_kinase", "ck and cpk"),
        ("visit,physician_global\nbaseline,much\nb,1\n", "a number", "row 2, column physician"),
        ('visit,ck\nbaseline,"1,234"\nb,1\n', "a number", "1,234"),
        ("visit,physician_global\nbaseline,11\nb,1\n", "from 0 to 10 cm", "11"),
        ("visit,mmt8\nbaseline,146\nb,150\n", "mmt8 from 0 to 80", "146"),
        ("visit,ck\nbaseline,0\nb,1\n", "and not 0", "0"),
        ("visit,mmt8_0_90\nbaseline,1\nb,1\n", "up to 80 or 150", "up to 90"),
        ("visit,ck_mg\nbaseline,1\nb,1\n", "U/L or ukat/L", "mg"),
        ("visit,mmt8\nbaseline,1\nbaseline,1\n", "one baseline row", "2 of patient 1"),
        ("patient,mmt8\nA,1\nB,1\n", "at least one later row", "2 rows of 2 patients"),
        ("visit,mmt8\n", "a baseline row", "0 rows of 0 patients"),
        ("", "a header", "an empty file"),
    ],
)
def test_bad_tables_are_refused_with_the_place(
    score_text, text: str, expected: str, found: str
) -> None:
    with pytest.raises(UserError) as refused:
        score_text(text)
    assert expected in refused.value.expected
    assert found in str(refused.value.found)
    assert "table.csv" in str(refused.value.found)
    assert refused.value.to_do


def test_a_misspelt_measure_in_the_options(score_text) -> None:
    with pytest.raises(UserError, match="did you mean creatine_kinase"):
        score_text(TYPICAL, ScoreTableOptions(upper_limits={"creatinkinase": 200}))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        score_file(tmp_path / "nowhere.csv")
