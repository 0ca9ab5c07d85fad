"""How the manual is built: Sphinx with Markdown, offline, reference pages written from the code."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.application import Sphinx

import heliotrope

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "heliotrope"
copyright = "the heliotrope developers, Apache-2.0"
version = release = heliotrope.__version__

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "generated/parts"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["cases.css"]
html_title = f"heliotrope {version}"
html_theme_options = {"source_view_link": ""}
html_show_sphinx = False
html_copy_source = False


def write_reference_pages(_: Sphinx) -> None:
    """Write the pages that come from schemas, definitions and commands, so they cannot drift."""
    from reference import write_pages

    write_pages(HERE / "generated")


def setup(app: Sphinx) -> None:
    """Write the reference pages before Sphinx looks for sources."""
    app.connect("builder-inited", write_reference_pages)
