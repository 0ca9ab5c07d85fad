"""Write what a site needs to set up the proposed project in REDCap."""

from __future__ import annotations

from pathlib import Path

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.redcap_dictionary import (
    make_redcap_dictionary,
    write_redcap_dictionary,
    write_repeating_forms,
)
from heliotrope.definitions.redcap_project import redcap_project_of
from heliotrope.ingest.new_files import refuse_existing, writing_into

DICTIONARY = "dictionary.csv"
REPEATING = "repeating_instruments.csv"
READ_ME = "README.txt"

_READ_ME = """A REDCap project for children given intravenous immunoglobulin

{fields} fields on {forms} forms. What it holds: children, visits, laboratory values, infusions,
drugs, events, the reasons for immunoglobulin and, if wanted, a clinician's own label.

1. In REDCap make a new, empty project. Leave 'longitudinal' off: every entry has its own day.
2. Project Setup, Data Dictionary: upload {dictionary}.
3. Project Setup, Enable optional modules: switch on 'Repeating instruments and events' and mark
   these forms as repeating (or import {repeating} through the interface,
   content 'repeatingFormsEvents'):
{repeating_forms}
   The form {once} stays as it is: one a child.
4. Record IDs are pseudonyms (P01, not a name). Several centres: use data access groups; where the
   field 'site' is blank everywhere, the group is taken as the centre.
5. What each form holds:
{wordings}
   Leave blank what was not done; never write 0 for it. You may add forms and fields of your own:
   they are counted as not used.
6. Export: Data Exports, All data, CSV (raw data), with the headings that REDCap gives. Put the
   file into this folder and leave {dictionary} beside it. Labels are read, too.
7. heliotrope check FOLDER
   heliotrope run FOLDER --out RUN

Nothing needs to be mapped as long as the names of forms and fields stay as they are.
"""


def write_redcap_template(path: Path) -> list[Path]:
    """Write the data dictionary, the list of repeating forms and how to use them into a folder.

    Errors: files already there (nothing is overwritten), a folder that cannot be written:
    UserError.
    """
    rulebook = read_rulebook()
    project = redcap_project_of(rulebook)
    repeating = [form for form in project.forms if form.is_repeating]
    texts = {
        DICTIONARY: write_redcap_dictionary(rulebook),
        REPEATING: write_repeating_forms(rulebook),
        READ_ME: _READ_ME.format(
            fields=len(make_redcap_dictionary(rulebook)),
            forms=len(project.forms),
            dictionary=DICTIONARY,
            repeating=REPEATING,
            repeating_forms="\n".join(f"   - {form.id}: {form.title}" for form in repeating),
            once=", ".join(form.id for form in project.forms if not form.is_repeating),
            wordings="\n".join(f"   - {form.title}: {form.wording}" for form in project.forms),
        ),
    }
    refuse_existing(path, texts)
    with writing_into(path):
        for name, text in texts.items():
            (path / name).write_text(text, encoding="utf-8")
    return [path / name for name in texts]
