"""The mapping assistant: propose a study.toml for files of unknown columns, with the evidence.

Nothing is mapped in silence: what is in doubt is written commented out under a line that says what
to decide, and everything that could not be placed is listed.
"""

from __future__ import annotations

import re

# What stands before everything that a person has yet to decide.
MARK = "proposed, confirm:"

_OPEN = re.compile(rf"^\s*(?:#\s*)+{re.escape(MARK)}\s*(.*)$", re.MULTILINE)


def find_unconfirmed(study_toml: str) -> tuple[str, ...]:
    """Return what a study.toml still holds of proposals that nobody has decided.

    >>> find_unconfirmed("# proposed, confirm: which unit?\\n# unit = 'U/L'\\n")
    ('which unit?',)
    """
    return tuple(found.strip() for found in _OPEN.findall(study_toml))
