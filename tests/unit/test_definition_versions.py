"""Definitions and versions side by side: what differs, where it is kept, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from heliotrope.cli import app
from heliotrope.definitions.difference import Difference, find_differences
from heliotrope.definitions.load import SHIPPED, read_rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.versions import (
    check_versions,
    find_pair,
    find_version,
    list_versions,
)
from heliotrope.errors import UserError
from heliotrope.terminal.definitions import print_definition

INACTIVE = SHIPPED / "states" / "inactive_disease_2015.toml"


def write_own(folder: Path, name: str, **replaced: str) -> Path:
    """Write the shipped rule of inactive disease with some texts replaced."""
    text = INACTIVE.read_text(encoding="utf-8")
    for old, new in replaced.items():
        before = old.replace("__", " = ")
        assert before in text
        text = text.replace(before, new)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A study's own folder: the rule with a higher cut-off, and the version before it."""
    write_own(
        tmp_path,
        "ours.toml",
        threshold__150="threshold = 180",
        **{'version__"1.0.0"': 'version = "1.1.0"'},
    )
    write_own(
        tmp_path, "inactive_disease_2015@1.0.5.toml", **{'version__"1.0.0"': 'version = "1.0.5"'}
    )
    return tmp_path


def by_path(differences: tuple[Difference, ...]) -> dict[str, Difference]:
    return {" > ".join(item.path): item for item in differences}


def test_a_definition_does_not_differ_from_itself() -> None:
    for definition in read_rulebook().definitions.values():
        assert find_differences(definition, definition) == ()


def test_a_threshold_is_shown_old_and_new_with_its_unit(own: Path) -> None:
    found = by_path(find_differences(*find_pair("inactive_disease_2015", None, own)))
    changed = found["root > creatine_kinase > threshold"]
    assert (changed.part, changed.change, changed.old, changed.new, changed.unit) == (
        "value",
        "changed",
        150.0,
        180.0,
        "U/L",
    )
    assert found["version"].new == "1.1.0"
    assert found["is_local"].part == "head"
    assert len(found) == 3


def test_a_criterion_that_became_essential_has_moved() -> None:
    found = by_path(find_differences(*find_pair("inactive_disease_2013", "inactive_disease_2015")))
    moved = found["root > physician_global"]
    assert (moved.change, moved.new) == ("moved", ["root", "essential", "physician_global"])
    assert (found["root > count"].old, found["root > count"].new) == (3, 2)
    assert found["wording"].part == "wording"
    sources = [item for item in found.values() if item.part == "source"]
    assert {item.change for item in sources} == {"added", "removed"}


def test_the_other_way_round_adds_what_was_removed() -> None:
    there = find_differences(*find_pair("inactive_disease_2013", "inactive_disease_2015"))
    back = find_differences(*find_pair("inactive_disease_2015", "inactive_disease_2013"))
    turned = {"added": "removed", "removed": "added", "changed": "changed", "moved": "moved"}
    assert sorted(turned[item.change] for item in there) == sorted(item.change for item in back)


def test_a_row_of_a_decision_table_is_found_by_its_place() -> None:
    rulebook = read_rulebook().definitions
    response = rulebook["jdm_ivig_response"]
    axes = response.model_dump(mode="json")["axes"]
    axes[0]["choices"] = axes[0]["choices"][1:]
    shorter = type(response).model_validate(response.model_dump() | {"axes": axes})
    found = find_differences(response, shorter)
    (gone,) = [item for item in found if item.change == "removed"]
    assert gone.path[:3] == ("axes", axes[0]["name"], "choices")
    assert gone.path[3] == "row 1"


def test_earlier_versions_are_kept_beside_and_are_no_part_of_a_rulebook(own: Path) -> None:
    rulebook = read_rulebook(local=own)
    current = rulebook.definitions["inactive_disease_2015"]
    assert (current.version, current.is_local) == ("1.1.0", True)
    assert list_versions(current, own) == ["1.0.5", "1.1.0"]
    assert find_version("inactive_disease_2015@1.0.5", own).version == "1.0.5"
    assert find_version("inactive_disease_2015@1.0.0", own).is_local is False
    assert check_versions(own, [current]) == []


def test_every_earlier_version_shipped_is_what_its_name_says() -> None:
    assert check_versions(SHIPPED, read_rulebook().definitions.values()) == []


def test_a_version_that_is_not_what_its_name_says_is_a_fault(own: Path) -> None:
    write_own(own, "inactive_disease_2015@0.9.0.toml")
    current = [read_rulebook(local=own).definitions["inactive_disease_2015"]]
    assert check_versions(own, current) == [
        "inactive_disease_2015@0.9.0.toml: holds inactive_disease_2015@1.0.0"
    ]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            "inactive_disease_2015",
            None,
            "Expected: two definitions, or one and --local FOLDER\n"
            "Found:    inactive_disease_2015\n"
            "To do:    name a second id, a version (inactive_disease_2015@1.0.0) or a TOML file",
        ),
        (
            "inactive_disease_2015@0.1.0",
            "inactive_disease_2015",
            "Expected: a version of inactive_disease_2015 that is kept\nFound:    0.1.0\n"
            "To do:    kept are inactive_disease_2015@1.0.0",
        ),
        (
            "tis_adult",
            "nowhere.toml",
            "Expected: the path of a definition file\nFound:    nowhere.toml\n"
            "To do:    check the path; it ends in .toml",
        ),
    ],
)
def test_what_is_not_found_names_what_is_there(
    first: str, second: str | None, message: str
) -> None:
    with pytest.raises(UserError) as refused:
        find_pair(first, second)
    assert str(refused.value) == message


def test_an_unknown_id_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean inactive_disease_2015 or inactive_disease_2"):
        find_pair("inactive_disease_201", "tis_adult")


def test_a_folder_without_the_definition_says_which_it_has(own: Path) -> None:
    with pytest.raises(UserError, match="a definition with the id tis_adult in "):
        find_pair("tis_adult", None, own)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["definitions", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_what_the_terminal_says_of_a_difference(own: Path) -> None:
    said = run("diff", "inactive_disease_2015", "--local", str(own))
    assert "+ inactive_disease_2015 1.1.0 (local)" in said
    assert "~ root > creatine kinase > threshold: 150 U/L -> 180 U/L" in said
    assert "  ~ is local: no -> yes" in said
    same = run("diff", "tis_adult", "tis_adult")
    assert same.endswith("They say the same in every field.\n")


def test_a_change_under_the_same_version_is_pointed_out(tmp_path: Path) -> None:
    write_own(tmp_path, "ours.toml", threshold__150="threshold = 180")
    said = run("diff", "inactive_disease_2015", "--local", str(tmp_path))
    assert "Both are called inactive_disease_2015 1.0.0: give the changed one a version" in said


def test_a_difference_as_json(own: Path) -> None:
    content = json.loads(run("diff", "inactive_disease_2015", "--local", str(own), "--json"))
    assert (content["old"]["version"], content["new"]["version"]) == ("1.0.0", "1.1.0")
    assert {
        "part": "value",
        "change": "changed",
        "path": ["root", "creatine_kinase", "threshold"],
        "old": 150.0,
        "new": 180.0,
        "unit": "U/L",
    } in content["differences"]


def test_show_prints_every_threshold_with_its_unit_and_every_flag() -> None:
    said = run("show", "inactive_disease_2015")
    for line in (
        "Physician global activity <= 0.2 cm (of 10) (essential)",
        "Creatine kinase <= 150 U/L",
        "Manual muscle test of eight groups >= 78 (of 80)",
        "doi 10.1002/acr.22041 [V: read in the source named]",
    ):
        assert line in said
    said = run("show", "tis_jdm_imacs")
    assert "limit) [R]" in said
    assert "Degrees: minimal >= 30, moderate >= 45, major >= 70 points of 100" in said


def test_show_marks_what_is_local_and_names_earlier_versions(own: Path) -> None:
    said = run("show", "inactive_disease_2015", "--local", str(own))
    assert "Clinically inactive disease, revised 2015 (local)" in said
    assert "Earlier versions kept: 1.0.5" in said


def test_every_definition_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    rulebook = read_rulebook()
    measures = measures_of(rulebook)
    for name, definition in rulebook.definitions.items():
        print_definition(definition, measures, [definition.version])
        said = capsys.readouterr().out
        assert f"{name} {definition.version}, {definition.kind}, " in said
        assert said.count("Sources of these numbers") == 1
