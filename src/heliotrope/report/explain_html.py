"""An explanation as a fragment of HTML: the macros that the report's child pages use."""

from __future__ import annotations

from heliotrope.report.environment import make_environment
from heliotrope.report.explanation import Explanation

FRAGMENT = "explanation.html.j2"


def render_explanation_html(explanation: Explanation) -> str:
    """Render an explanation as one ``<article>``, to be set into a page with the report's CSS.

    Everything the source holds is escaped; there is no script, and nothing is fetched.
    """
    return make_environment().get_template(FRAGMENT).render(explanation=explanation)
