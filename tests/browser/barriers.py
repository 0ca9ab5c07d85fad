"""Barriers that axe knows, asked for as cheaply as they can be without asking for less.

axe describes every element that it passed unless told that only what is wrong is wanted: of a
report that took longer than the rules. Of many alike one teaches what all would, so ``thin_out``
leaves ``MOST_ALIKE`` of each kind beside each other; it changes the page and comes last. Alike are
those of the same element, class and role that hold the same elements, classes and roles.
"""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WCAG_AA = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
MOST_ALIKE = 2

A_FEW_OF_EACH = """most => {
  for (const [what, few] of [[".child", 1], [".definitions > li", 2], [".checklist", 1]])
    [...document.querySelectorAll(what)].slice(few).forEach(part => part.remove());
  const name = e => `${e.tagName} ${e.getAttribute("class")} ${e.getAttribute("role")}`;
  for (const parent of document.querySelectorAll("body :not(tr)")) {
    const seen = {};
    for (const part of [...parent.children]) {
      const kind = [name(part), ...new Set([...part.querySelectorAll("*")].map(name))].join();
      seen[kind] = (seen[kind] ?? 0) + 1;
      if (seen[kind] > most) part.remove();
    }
  }
}"""


def thin_out(page: Page) -> None:
    """Remove what stands beside enough others alike; a row keeps its cells."""
    page.evaluate(A_FEW_OF_EACH, MOST_ALIKE)


def find_barriers(
    page: Page, tags: tuple[str, ...] = WCAG_AA, within: str | None = None
) -> list[tuple[str, list[str], str]]:
    """Name each rule that the page breaks, three of the elements that do, and what to mend."""
    options = {"runOnly": {"type": "tag", "values": list(tags)}, "resultTypes": ["violations"]}
    return [
        (
            item["id"],
            [node["html"][:200] for node in item["nodes"][:3]],
            item["nodes"][0]["failureSummary"],
        )
        for item in Axe().run(page, context=within, options=options).response["violations"]
    ]
