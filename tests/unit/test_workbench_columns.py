"""The page of a column: samples as a run reads them, and what a person says of it."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.test_workbench_mapping import revision_of
from tests.unit.test_workbench_pages import list_words
from tests.unit.workbench_client import Visitor, visiting

from heliotrope.errors import UserError
from heliotrope.workbench.toml_edit import set_codes, set_entry, set_measure_entry

HOSTILE = "<img src=x onerror=alert(1)>"
VISITS = "case,when,CK,sex,MD says,dose\n" + "".join(
    f"K{n},0{n}/04/2020,{n}.5,{('m', 'f', HOSTILE)[n % 3]},{('better', 'same')[n % 2]},{30 + n}\n"
    for n in range(1, 9)
)
STUDY = """\
[[source]]  # asked Dr. A
file = "v.csv"
table = "assessment"
[source.columns]
patient_id = "case"  # the pseudonym
date = "when"
[[source.measures]]
column = "CK"
measure = "creatine_kinase"  # serum
[[source.measures]]
column = "MD says"
measure = "physician_judgement"

[[source]]
file = "v.csv"
table = "patient"
[source.columns]
patient_id = "case"
sex = "sex"

[[source]]
file = "v.csv"
table = "infusion"
[source.columns]
patient_id = "case"
date = "when"
dose = "dose"
"""
CASE, WHEN, CK, SEX, JUDGED, DOSE = range(6)


@pytest.fixture
def visitor(tmp_path: Path) -> Iterator[Visitor]:
    with visiting(tmp_path / "work") as one:
        one.upload({"v.csv": VISITS.encode(), "study.toml": STUDY.encode()})
        yield one


def look(visitor: Visitor, source: int, column: int) -> httpx.Response:
    return visitor.get(f"/studies/ward/mapping/column?source={source}&column={column}")


def say(visitor: Visitor, source: int, column: int, **said: Any) -> httpx.Response:
    page = look(visitor, source, column)
    address = f"{page.url.path}?{page.url.query.decode()}&csrf={visitor.keys.csrf}"
    data = {"revision": revision_of(page), **said}
    answer: httpx.Response = visitor.client.post(address, data=data)
    return answer


def code(text: str) -> str:
    return f"code-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def stored(visitor: Visitor) -> str:
    return (visitor.workspace.folder / "studies" / "ward" / "study.toml").read_text()


def test_dates_of_two_readings_are_shown_in_both_and_decided(visitor: Visitor) -> None:
    words = list_words(look(visitor, 0, WHEN).text)
    assert "Nothing in this column proves which of the two numbers is the day." in words
    assert "01/04/2020 1 April 2020 4 January 2020" in words
    page = say(visitor, 0, WHEN, order="DMY", action="preview")
    words = list_words(page.text)
    assert "+ [source.dates] + date = &#34;DMY&#34;" in words
    assert "<ins>+ [source.dates]</ins>\n<ins>+ date" in page.text
    assert "03/04/2020 1 3 April 2020" in words
    assert stored(visitor) == STUDY
    page = say(visitor, 0, WHEN, order="DMY", action="save")
    assert page.url.query.decode() == "source=0&column=1"
    assert "Saved." in page.text
    assert tomllib.loads(stored(visitor))["source"][0]["dates"] == {"date": "DMY"}
    assert [line for line in STUDY.splitlines() if line not in stored(visitor).splitlines()] == []
    say(visitor, 0, WHEN, order="", action="save")
    assert (
        "dates" not in tomllib.loads(stored(visitor))["source"][0]
        or not tomllib.loads(stored(visitor))["source"][0]["dates"]
    )


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        (["03/04/2020", "25/04/2020"], "25/04/2020 can only be read with the day first"),
        (["04/25/2020"], "04/25/2020 can only be read with the month first"),
        (["2020-04-03"], "Each of these dates can be read in one way only."),
        (["25/04/2020", "04/25/2020"], "can only be day first, 04/25/2020 only month first"),
    ],
)
def test_what_the_dates_of_a_column_prove_is_said(
    visitor: Visitor, dates: list[str], said: str
) -> None:
    rows = "".join(f"K{n},{day},1,m,same,40\n" for n, day in enumerate(dates))
    file = ("v.csv", f"case,when,CK,sex,MD says,dose\n{rows}".encode())
    visitor.post("/studies/ward/files", files=[("files", file)])
    assert said in list_words(look(visitor, 0, WHEN).text)


def test_a_unit_is_said_and_the_values_are_shown_converted(visitor: Visitor) -> None:
    page = look(visitor, 0, CK)
    assert "Of each: blank unit" in list_words(page.text)
    words = list_words(say(visitor, 0, CK, unit="ukat/L", action="save").text)
    assert "2.5 1 150 U/L" in words
    assert "blank unit" not in words
    assert tomllib.loads(stored(visitor))["source"][0]["measures"][0] == {
        "column": "CK", "measure": "creatine_kinase", "unit": "ukat/L",
    }  # fmt: skip
    assert "# serum" in stored(visitor)
    say(visitor, 0, CK, unit="", action="save")
    assert stored(visitor) == STUDY


def test_the_unit_of_a_dose_is_a_fixed_value(visitor: Visitor) -> None:
    say(visitor, 2, WHEN, order="DMY", action="save")
    words = list_words(say(visitor, 2, DOSE, unit="g", action="save").text)
    assert "31 1 31 g" in words
    assert tomllib.loads(stored(visitor))["source"][2]["constants"] == {"dose_unit": "g"}


def test_codes_are_translated_left_out_and_made_missing(visitor: Visitor) -> None:
    page = look(visitor, 1, SEX)
    assert HOSTILE not in page.text
    assert "known words: female, male" in page.text
    said = {code(HOSTILE): "ignore", code("m"): "female", code("f"): ""}
    page = say(visitor, 1, SEX, **said, action="save")
    words = list_words(page.text)
    assert "row left out" in words
    assert "m 2 female" in words
    assert "f 3 missing" in words
    codes = tomllib.loads(stored(visitor))["source"][1]["codes"]["sex"]
    assert codes == {HOSTILE: "ignore", "m": "female", "f": ""}
    say(visitor, 1, SEX, **dict.fromkeys(said, "="), action="save")
    assert "codes" not in tomllib.loads(stored(visitor))["source"][1]


def test_a_judgement_in_the_clinics_own_words_is_translated(visitor: Visitor) -> None:
    page = say(visitor, 0, JUDGED, **{code("same"): "worse"}, action="save")
    assert "same 4 worse" in list_words(page.text)
    measure = tomllib.loads(stored(visitor))["source"][0]["measures"][1]
    assert measure["codes"] == {"same": "worse"}


def test_a_measure_read_by_its_header_is_named_with_its_unit(visitor: Visitor) -> None:
    rows = '[[source]]\nfile = "v.csv"\ntable = "assessment"\n[source.columns]\n'
    text = f'{rows}patient_id = "case"\ndate = "when"\n'
    revision = revision_of(visitor.get("/studies/ward/mapping"))
    visitor.post("/studies/ward/mapping", data={"text": text, "revision": revision})
    say(visitor, 0, CK, unit="ukat/L", action="save")
    measures = tomllib.loads(stored(visitor))["source"][0]["measures"]
    assert {"column": "CK", "measure": "creatine_kinase", "unit": "ukat/L"} in measures


@pytest.mark.parametrize(
    "said",
    [{"unit": "parsec"}, {"order": "DMY"}, {code("m"): "male"}, {"unit": 'x"\n[evil]'}, {}],
)
def test_what_cannot_be_said_of_a_column_is_not_written(
    visitor: Visitor, said: dict[str, str]
) -> None:
    assert say(visitor, 0, CK, **said, action="save").status_code == 200
    assert stored(visitor) == STUDY
    assert say(visitor, 1, SEX, **{code("m"): "dragon"}, action="save").status_code == 200
    assert stored(visitor) == STUDY


def test_a_column_that_names_persons_is_not_shown(visitor: Visitor) -> None:
    page = look(visitor, 0, CASE)
    assert "its contents are not shown" in page.text
    assert "K1" not in page.text
    assert 'name="action"' not in page.text


def test_an_old_page_changes_nothing(visitor: Visitor) -> None:
    address = f"/studies/ward/mapping/column?source=0&column=2&csrf={visitor.keys.csrf}"
    data = {"revision": "0" * 32, "unit": "ukat/L", "action": "save"}
    page = visitor.client.post(address, data=data)
    assert page.status_code == 409
    assert stored(visitor) == STUDY


@pytest.mark.parametrize("query", ["", "?source=9&column=0", "?source=0&column=99", "?source=x"])
def test_a_column_that_is_not_there_is_not_found(visitor: Visitor, query: str) -> None:
    assert visitor.get(f"/studies/ward/mapping/column{query}").status_code == 404


def test_the_mapping_leads_to_each_column(visitor: Visitor) -> None:
    page = visitor.get("/studies/ward/mapping")
    links = re.findall(r"column\?source=(\d)&amp;column=(\d)", page.text)
    assert ("0", "2") in links
    assert ("2", "5") in links
    for source, column in links:
        assert look(visitor, int(source), int(column)).status_code == 200


def test_entries_are_written_where_they_stand() -> None:
    text = '[[source]]\nfile = "a.csv"\ntable = "patient"\n[source.codes]\nsex = { m = "male" }\n'
    changed = set_codes(text, 0, "sex", {"m": "female"})
    assert tomllib.loads(changed)["source"][0]["codes"] == {"sex": {"m": "female"}}
    own = '[source.codes.sex]\n# asked\n"m" = "male"  # sure\n"f" = "female"\n'
    text = text.replace('[source.codes]\nsex = { m = "male" }\n', own)
    changed = set_codes(text, 0, "sex", {"m": "male", "x": ""})
    assert '"m" = "male"  # sure\n' in changed
    assert "# asked" in changed
    assert tomllib.loads(changed)["source"][0]["codes"] == {"sex": {"m": "male", "x": ""}}
    assert "source.codes" not in set_codes(text, 0, "sex", {})
    changed = set_entry(text, 0, ("constants", "site"), "A")
    assert tomllib.loads(changed)["source"][0]["constants"] == {"site": "A"}


def test_a_measure_written_in_another_way_is_left_to_its_writer() -> None:
    text = '[[source]]\nfile = "a.csv"\ntable = "assessment"\nmeasures = [{ column = "CK", measure = "creatine_kinase" }]\n'  # noqa: E501
    with pytest.raises(UserError, match="a line each"):
        set_measure_entry(text, 0, "CK", ("unit", "U/L"))
