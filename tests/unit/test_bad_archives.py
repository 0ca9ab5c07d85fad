"""An archive of any form that climbs out, swells up, is cut off or locked is refused in words."""

from __future__ import annotations

import io
import zipfile

import pytest

from heliotrope.errors import UserError
from heliotrope.ingest import read_records
from heliotrope.study import read_study

FORMS = ("redcap", "sdtm", "omop", "fhir")
INSIDE = {"redcap": "data.csv", "sdtm": "dm.xpt", "omop": "PERSON.csv", "fhir": "Patient.ndjson"}


def pack(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("climbs", "files stay within it"),
        ("absolute", "files stay within it"),
        ("drive", "files stay within it"),
        ("swells", "200 times as large as packed"),
        ("cut", "a file that is none"),
    ],
)
def test_an_archive_that_cannot_be_trusted_is_refused(tmp_path, form, damage, said):
    names = {"climbs": "../../evil.csv", "absolute": "/etc/evil.csv", "drive": "C:\\evil.csv"}
    large = b"\0" * 20_000_000
    content = pack(names.get(damage, INSIDE[form]), large if damage == "swells" else b"a,b\n1,2\n")
    (tmp_path / "ward.zip").write_bytes(content[:60] if damage == "cut" else content)
    (tmp_path / "study.toml").write_text(f'[[source]]\nform = "{form}"\nfile = "ward.zip"\n')
    study = read_study(tmp_path)
    with pytest.raises(UserError, match=said):
        read_records(study, study.read_rulebook())
    assert sorted(item.name for item in tmp_path.iterdir()) == ["study.toml", "ward.zip"]
