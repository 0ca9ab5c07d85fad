"""The calculator, every way in: the published vectors by file, paste, command line and Python."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.spec.ascii_table import read_rows

from heliotrope import cli
from heliotrope.errors import UserError
from heliotrope.ingest.score_source import read_named_values
from heliotrope.scoring.calculator import (
    PatientScore,
    ScoreReport,
    ScoreTableOptions,
    score,
    score_file,
    score_text,
)

# b>f; "/" the upper limit of normal. The eleven vectors of the 2016 criteria in this project.
VECTORS = """
    id   | physician_global | patient_global | mmt8    | cmas  | chaq     | creatine_kinase | extramuscular_global | disease_activity_score | set    | lower | upper | degree   | next
    TV1  | 8>0              | 8>0            | 40>80   | -     | 2.5>0    | 3000>100 /200   | 6>0                  | -                      | imacs  | 100   | 100   | major    | -
    TV2  | 5>5              | 5>5            | 60>60   | -     | 1>1      | 1000>1000 /200  | 3>3                  | -                      | imacs  | 0     | 0     | none     | minimal 30
    TV3  | 3>8              | 3>8            | 70>40   | -     | 0.5>2.5  | 300>3000 /200   | 1>5                  | -                      | imacs  | 0     | 0     | none     | minimal 30
    TV4  | 5>4.5            | 5>4.5          | 60>61.6 | -     | 1>0.85   | 1000>850 /200   | 3>2.5                | -                      | imacs  | 0     | 0     | none     | minimal 30
    TV5  | 5>4.4            | 5>4.4          | 60>62   | -     | 1>0.75   | 1000>840 /200   | 3>2.4                | -                      | imacs  | 35    | 35    | minimal  | moderate 10
    TV6  | 6>3              | 5>3.5          | 56>68   | -     | 1.5>0.75 | 1800>450 /200   | 3>1.5                | -                      | imacs  | 62.5  | 62.5  | moderate | major 7.5
    TV7  | 9>5              | 9>5            | 50>74   | -     | 2.2>1.0  | 2200>1000 /200  | 8>4                  | -                      | imacs  | 82.5  | 82.5  | major    | -
    TV8  | 7>2              | 6>2            | -       | 25>40 | 2>0.5    | -               | -                    | 12>4                   | printo | 80    | 87.5  | major    | -
    TV9  | 1.5>0            | 1>0            | 76>80   | -     | 0.25>0   | 250>100 /200    | 0.5>0                | -                      | imacs  | 25    | 25    | none     | minimal 5
    TV10 | 6>6              | 6>6            | 40>70   | -     | 2>2      | 200>200 /200    | 2>2                  | -                      | imacs  | 32.5  | 32.5  | minimal  | moderate 12.5
    TV11 | 6>4              | 6>5.5          | 60>66   | -     | 1.5>1.25 | 300>300 /200    | 2>2                  | -                      | imacs  | 30    | 30    | minimal  | moderate 15
"""

MEASURES = (
    "physician_global",
    "patient_global",
    "mmt8",
    "cmas",
    "chaq",
    "creatine_kinase",
    "extramuscular_global",
    "disease_activity_score",
)
IN_OTHER_UNITS = {
    "physician_global": ("physician_global_mm", 10),
    "patient_global": ("PtGA_0_100", 10),
    "extramuscular_global": ("extramuscular_global_mm", 10),
    "creatine_kinase": ("ck_ukat_l", 1 / 60),
    "creatine_kinase_uln": ("ck_uln", 1 / 60),
}

Values = dict[str, float]


def read_vector(vector: Mapping[str, object]) -> tuple[Values, Values]:
    """Read baseline and follow-up of a drawn vector."""
    before: Values = {}
    after: Values = {}
    for measure in MEASURES:
        if vector[measure] is None:
            continue
        values, _, limit = str(vector[measure]).partition("/")
        first, _, second = values.partition(">")
        before[measure], after[measure] = float(first), float(second)
        if limit:
            before[f"{measure}_uln"] = float(limit)
    return before, after


def convert(values: Values) -> Values:
    """Write the same values in millimetres and microkatal."""
    renamed = {name: IN_OTHER_UNITS.get(name, (name, 1)) for name in values}
    return {other: values[name] * factor for name, (other, factor) in renamed.items()}


def write_table(before: Values, after: Values, separator: str, decimal: str = ".") -> str:
    names = list(before)

    def line(timepoint: str, values: Values) -> str:
        cells = [str(values[name]) if name in values else "" for name in names]
        return separator.join([timepoint, *(cell.replace(".", decimal) for cell in cells)])

    return "\n".join(
        [separator.join(["visit", *names]), line("baseline", before), line("w12", after)]
    )


def by_python(before: Values, after: Values, _: Path) -> ScoreReport:
    return score(before, after)


def by_file(before: Values, after: Values, tmp_path: Path) -> ScoreReport:
    path = tmp_path / "table.csv"
    path.write_text(write_table(before, after, ","), encoding="utf-8")
    return score_file(path)


def by_paste(before: Values, after: Values, _: Path) -> ScoreReport:
    return score_text(write_table(before, after, "\t", ","))


def by_other_units(before: Values, after: Values, _: Path) -> ScoreReport:
    return score(convert(before), convert(after))


WAYS: list[Callable[[Values, Values, Path], ScoreReport]] = [
    by_python,
    by_file,
    by_paste,
    by_other_units,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("vector", read_rows(VECTORS), ids=lambda vector: str(vector["id"]))
def test_a_vector(vector: dict[str, object], way: Callable, tmp_path: Path) -> None:
    (found,) = way(*read_vector(vector), tmp_path).scores
    assert found.core_set == vector["set"]
    assert (found.score_lower, found.score_upper) == (vector["lower"], vector["upper"])
    assert found.category == vector["degree"]
    following = found.next_category
    said = None if following is None else f"{following.name} {following.points_missing:g}"
    assert said == vector["next"]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Call `heliotrope score` as the shell does; gives exit code, output and error output."""

    def run(*arguments: str, pasted: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["heliotrope", "score", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(pasted))
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return run


def name_values(values: Values) -> str:
    return " ".join(f"{name}={value:g}" for name, value in values.items())


@pytest.mark.parametrize("vector", read_rows(VECTORS), ids=lambda vector: str(vector["id"]))
def test_a_vector_on_the_command_line(vector: dict[str, object], call) -> None:
    before, after = read_vector(vector)
    named = call("--baseline", name_values(before), "--followup", name_values(after), "--json")
    pasted = call("-", "--json", pasted=write_table(before, after, ";"))
    for code, out, _ in (named, pasted):
        assert code == 0
        (found,) = json.loads(out)["scores"]
        assert (found["score_lower"], found["category"]) == (vector["lower"], vector["degree"])


def test_what_a_person_reads(call) -> None:
    """Points, bounds, degree, what could be reached, and what the next degree lacks."""
    (vector,) = [row for row in read_rows(VECTORS) if row["id"] == "TV6"]
    before, after = read_vector(vector)
    code, out, _ = call("--baseline", name_values(before), "--followup", name_values(after))
    assert code == 0
    for line in (
        "  Muscle strength                          56    68    15.0 %  20 of 32.5",
        "  Score 62.5: moderate",
        "  Attainable from this baseline: 90",
        "  Next degree: major from 70 points, 7.5 more",
        "    Muscle strength (mmt8) over 72: 7.5 points more",
        "    Extramuscular activity (extramuscular_global) under 1.5 cm: 5 points more",
        "    CHAQ (chaq) under 0.3: 2.5 points more",
    ):
        assert line in out.splitlines()


def test_a_ceiling_is_said_once(call) -> None:
    (vector,) = [row for row in read_rows(VECTORS) if row["id"] == "TV9"]
    before, after = read_vector(vector)
    _, out, _ = call("--baseline", name_values(before), "--followup", name_values(after))
    assert "At most 27.5 points could be reached from this baseline" in out
    assert "Next degree: minimal from 30 points, 5 more\n" in out


def test_the_next_band_is_the_smallest_change_that_pays() -> None:
    """Passing the named value by a hair gives the points; reaching it does not."""
    before = {"physician_global": 6.0, "mmt8": 56.0, "chaq": 1.5, "ck": 1800.0, "ck_uln": 200.0}
    after = {"physician_global": 4.5, "mmt8": 60.0, "chaq": 1.25, "ck": 1500.0}
    (found,) = score(before, after, core_set="imacs").scores
    names = {"physician_global": "physician_global", "mmt8": "mmt8", "chaq": "chaq"}
    names["creatine_kinase"] = "ck"
    checked = 0
    for part in found.components:
        if part.next_band is None or part.measure is None:
            continue
        step = -0.0001 if part.next_band.is_low_better else 0.0001
        for value, gain in ((part.next_band.value, 0), (part.next_band.value + step, 1)):
            changed = {**after, names[part.measure]: value}
            (other,) = score(before, changed, core_set="imacs").scores
            difference = next(
                item.points for item in other.components if item.component == part.component
            )
            assert difference == (part.points or 0) + gain * part.next_band.gain
        checked += 1
    assert checked == 4


def test_core_set_and_population() -> None:
    before = {"physician_global": 7, "cmas": 25, "mmt8": 60, "das": 12, "extramuscular_global": 3}
    after = {"physician_global": 2, "cmas": 40, "mmt8": 78, "das": 4, "extramuscular_global": 1}
    assert [item.definition_id for item in score(before, after).scores] == [
        "tis_jdm_imacs",
        "tis_jdm_printo",
    ]
    (printo,) = score(before, after, core_set="printo").scores
    assert printo.definition_id == "tis_jdm_printo"
    (adult,) = score(before, after, population="adult").scores
    assert adult.definition_id == "tis_adult"
    with pytest.raises(UserError, match="a core set that has a score for adult patients"):
        score(before, after, population="adult", core_set="printo")


def test_quality_of_life_is_refused_until_its_ends_are_declared() -> None:
    base = {"physician_global": 7, "patient_global": 6, "cmas": 25, "chaq": 2, "das": 12}
    end = {"physician_global": 2, "patient_global": 2, "cmas": 40, "chaq": 0.5, "das": 4}

    def part(name: str) -> tuple[float, float, str | None]:
        (found,) = score({**base, name: 30}, {**end, name: 45}, core_set="printo").scores
        item = found.components[4]
        assert item.component == "quality_of_life"
        return found.score_lower, found.score_upper, item.because

    lower, upper, because = part("chq_physical")
    assert (lower, upper) == (80, 87.5)
    assert because is not None
    assert "its range was not found in the source and is not declared: refused" in because
    assert part("chq_physical_0_100") == (82.5, 82.5, None)
    declared = score_text(
        "visit,physician_global,cmas,chq_physical\nbaseline,7,25,30\nlater,2,40,45\n",
        options=ScoreTableOptions(core_set="printo", maxima={"chq_physical": 50}),
    )
    assert declared.scores[0].components[4].percent_change == 30


def test_the_unit_of_a_limit_is_that_of_its_measure() -> None:
    """A limit beside microkatal is microkatal, unless its own name says otherwise."""
    for limit in ({"ck_uln": 200 / 60}, {"ck_uln_U_l": 200}, {"ck_ukat_l_uln": 200 / 60}):
        before = {"physician_global": 6, "mmt8": 56, "ck_ukat_l": 30, **limit}
        after = {"physician_global": 6, "mmt8": 56, "ck_ukat_l": 7.5}
        (found,) = score(before, after).scores
        assert found.components[4].percent_change == pytest.approx(45)


def test_a_bare_limit_is_that_of_the_only_enzyme() -> None:
    """Beside one enzyme `uln` can mean no other; beside two it is not guessed."""
    after = {"physician_global": 6, "mmt8": 56, "ck": 450}
    before = {"physician_global": 6, "mmt8": 56, "ck": 1800}
    (named,) = score({**before, "ck_uln": 200}, after).scores
    (bare,) = score({**before, "ULN": 200}, after).scores
    assert bare.components[4].percent_change == named.components[4].percent_change == 45
    (other,) = score(
        {"physician_global": 6, "mmt8": 56, "ck_ukat_l": 30, "uln": 200 / 60},
        {"physician_global": 6, "mmt8": 56, "ck_ukat_l": 7.5},
    ).scores
    assert other.components[4].percent_change == pytest.approx(45)
    for more in ({"ldh": 300}, {"ck_uln": 200}):
        found = score({**before, **more, "uln": 150}, after)
        (open_,), (without,) = found.scores, score({**before, **more}, after).scores
        assert open_.components[4].percent_change == without.components[4].percent_change


def test_each_enzyme_has_its_own_limit() -> None:
    before = {"physician_global": 6, "mmt8": 56, "ck": 400, "ck_uln": 200, "ldh": 900}
    before |= {"ldh_uln": 300, "aldolase": 9, "aldolase_uln": 8}
    after = {"physician_global": 6, "mmt8": 56, "ck": 100, "ldh": 600, "aldolase": 4}
    (found,) = score(before, after).scores
    enzyme = found.components[4]
    assert (enzyme.measure, enzyme.baseline, enzyme.follow_up) == (
        "lactate_dehydrogenase",
        900,
        600,
    )
    assert enzyme.percent_change == pytest.approx(100 / 3)


def test_items_make_the_total_of_their_form() -> None:
    muscles = ("deltoid", "biceps", "wrist_extensors", "quadriceps", "ankle_dorsiflexors")
    muscles += ("neck_flexors", "gluteus_medius", "gluteus_maximus")
    before = {"physician_global": 6, **{f"mmt8_{muscle}": 5 for muscle in muscles}}
    after = {"physician_global": 3, **{f"mmt8_{muscle}": 8 for muscle in muscles}}
    report = score(before, after)
    (found,) = report.scores
    strength = found.components[2]
    assert (strength.measure, strength.baseline, strength.follow_up) == ("mmt8", 40, 64)
    assert "1, visit: mmt8 64 made from its items" in report.notes
    cut = score(before, {**after, "mmt8_biceps": None})
    assert cut.scores[0].category == "not_evaluable"
    assert (
        "1, visit: mmt8 not made: mmt8_biceps missing "
        "(every muscle has to be graded; one left out makes no total)"
    ) in cut.notes
    both = score({**before, "mmt8": 42}, {**after, "mmt8": 60})
    assert both.scores[0].components[2].baseline == 42
    assert "1, baseline: mmt8 42 counts; its items make 40" in both.notes


AGES = """
    baseline | later | caution
    4.5      | 4.9   | yes
    4.9      | 5     | no
    4.5      | -     | yes
    5        | -     | no
    -        | -     | no
"""


@pytest.mark.parametrize("row", read_rows(AGES))
def test_a_young_child_s_cmas_is_cautioned(row: dict[str, object]) -> None:
    before = {"physician_global": 6, "cmas": 20, "age_years": row["baseline"]}
    after = {"physician_global": 0.1, "cmas": 48, "age_years": row["later"]}
    report = score(before, after)  # type: ignore[arg-type]
    is_cautioned = row["caution"] == "yes"
    assert all(bool(item.cautions) is is_cautioned for item in report.scores)
    state = next(item for item in report.states if item.definition_id == "inactive_disease_2013")
    said = "cmas: 48 >= 48: met" + (
        " (healthy children under 5 years may not reach this CMAS)" if is_cautioned else ""
    )
    assert said in state.because


@pytest.mark.parametrize(
    ("arguments", "expected", "found"),
    [
        ([], "a FILE, - for a pasted table, or --baseline and --followup", "none of them"),
        (["-", "--baseline", "mmt8=1"], "a FILE, - for a pasted table", "both"),
        (["nowhere.csv"], "a CSV file or a workbook", "no such file (nowhere.csv)"),
        (["-"], "a table of visits: a header and rows", "nothing (the pasted table)"),
        (["--baseline", "mmt8=60"], "values at baseline and at one visit after", "no later visit"),
        (["--followup", "mmt8=60"], "values at baseline and at one visit after", "no baseline"),
        (["--baseline", "mmt8 60", "--followup", "mmt8=1"], "--baseline 'NAME=VALUE", "mmt8 60"),
        (["--baseline", "mmt8=60 70", "--followup", "mmt8=1"], "--baseline 'NAME=VALUE", "70"),
        (["--baseline", "ck=1 ck=2", "--followup", "ck=1"], "each name once", "ck twice"),
        (["--baseline", "mmt8=90", "--followup", "mmt8=1"], "mmt8 from 0 to 80", "90 (the values"),
        (["--baseline", "mmt8=good", "--followup", "mmt8=1"], "a number", "good (the values"),
        (["--baseline", "shoe=9", "--followup", "shoe=9"], "columns of core set", "none that is"),
    ],
)
def test_mistakes_get_three_lines(call, arguments: list[str], expected: str, found: str) -> None:
    code, out, err = call(*arguments)
    assert code in (2, 3)
    assert out == ""
    lines = err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["Expected", "Found", "To do"]
    assert expected in lines[0]
    assert found in lines[1]


def test_named_values_are_parted_by_blanks_or_semicolons() -> None:
    assert read_named_values("--baseline", " a = 1,5;b=2  c= ") == {"a": "1,5", "b": "2", "c": ""}


def test_the_answer_is_typed() -> None:
    report = score({"mmt8": 60, "physician_global": 5}, {"mmt8": 70, "physician_global": 4})
    assert isinstance(report, ScoreReport)
    assert all(isinstance(item, PatientScore) for item in report.scores)
