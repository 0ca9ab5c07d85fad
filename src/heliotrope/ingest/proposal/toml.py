"""Write texts as TOML."""

from __future__ import annotations

import json
import re


def quote(text: str) -> str:
    """Write a text as a TOML string.

    >>> quote('P "1"')
    '"P \\\\"1\\\\""'
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_key(key: str) -> str:
    """Write a key, quoted where it must be.

    >>> write_key("dose"), write_key("0")
    ('dose', '"0"')
    """
    return key if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", key) else quote(key)
