"""The places of a chart's parts, taken out of its elements and put into a style sheet.

The workbench's policy forbids styles on elements. The charts of the report place their parts by
them; here each becomes a class. A text cannot look like one: quotes in it are escaped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG = re.compile(r"<[a-zA-Z][^<>]*>")
_STYLE = re.compile(r'\sstyle="([^"]*)"')
_CLASS = re.compile(r'\sclass="([^"]*)"')
_PLAIN = re.compile(r"[-a-zA-Z0-9 :;.,%()#]*")


@dataclass(frozen=True)
class Moved:
    """A piece of HTML without styles on its elements, and the sheet that gives them back."""

    html: str
    style: str


def move_styles(html: str) -> Moved:
    """Move the styles of elements into classes; equal ones share one.

    >>> move_styles('<p class="a" style="top:5px">x</p><i style="top:5px"></i>')
    Moved(html='<p class="a moved-0">x</p><i class="moved-0"></i>', style='.moved-0{top:5px}')
    """
    names: dict[str, str] = {}

    def move(found: re.Match[str]) -> str:
        tag = found.group()
        style = _STYLE.search(tag)
        if style is None or not _PLAIN.fullmatch(style.group(1)):
            return tag
        name = names.setdefault(style.group(1), f"moved-{len(names)}")
        tag = _STYLE.sub("", tag, count=1)
        if _CLASS.search(tag):
            return _CLASS.sub(lambda old: f' class="{old.group(1)} {name}"', tag, count=1)
        end = "/>" if tag.endswith("/>") else ">"
        return f'{tag[: -len(end)]} class="{name}"{end}'

    moved = _TAG.sub(move, html)
    sheet = "".join(f".{name}{{{style}}}" for style, name in names.items())
    return Moved(moved, sheet)
