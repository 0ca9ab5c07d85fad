"""Scripts of a page: each stands in it whole and is allowed by its hash, nothing else runs.

A page is read without them: they only filter, open and point out what stands there already.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class EmbeddedScripts:
    """Scripts as markup, and the hashes by which the page's policy lets them run."""

    markup: Markup = field(default_factory=Markup)
    hashes: tuple[str, ...] = ()

    def __add__(self, other: EmbeddedScripts) -> EmbeddedScripts:
        """Set two groups of scripts one after the other."""
        return EmbeddedScripts(self.markup + other.markup, self.hashes + other.hashes)


def embed_script(source: str, *, kind: str = "module") -> EmbeddedScripts:
    """Embed a script that this package ships; ``kind`` is the type of the element.

    Errors: a text that would end its own element: ValueError, since it could not run as written.

    >>> embed_script("const answer = 6;").hashes
    ("'sha256-WsXpTyCTSbxI0QUoSOtclzq0mlbImUhwbJxChlXXs9I='",)
    """
    if "</script" in source.lower() or "<!--" in source:
        raise ValueError("a script that holds the end of its own element")
    digest = b64encode(sha256(source.encode("utf-8")).digest()).decode("ascii")
    markup = Markup('<script type="{}">{}</script>\n').format(kind, Markup(source))
    return EmbeddedScripts(markup, (f"'sha256-{digest}'",))


def read_script(name: str) -> EmbeddedScripts:
    """Embed a script of the folder ``templates``."""
    return embed_script((TEMPLATES / name).read_text(encoding="utf-8"))


def make_policy(scripts: EmbeddedScripts) -> Markup:
    """Write the content security policy of a page: nothing is fetched, only these scripts run.

    >>> str(make_policy(EmbeddedScripts())).split("; ")[:2]
    ["default-src 'none'", "style-src 'unsafe-inline'"]
    """
    parts = ["default-src 'none'", "style-src 'unsafe-inline'", "img-src data:", "font-src data:"]
    parts += [f"script-src {' '.join(scripts.hashes)}"] if scripts.hashes else []
    return Markup("; ").join(map(Markup, [*parts, "base-uri 'none'", "form-action 'none'"]))
