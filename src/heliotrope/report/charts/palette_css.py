"""The charts as style sheet: a class for each fill and stroke, lighter inks in the dark."""

from __future__ import annotations

from pathlib import Path

from heliotrope.report.charts.spec import PALETTE

STYLES = Path(__file__).with_name("charts.css")
DARK = {
    "ink": "#ece8f1",
    "paper": "#16131b",
    "muted": "#a29bad",
    "grid": "#3a3543",
    "accent": "#b79bdb",
    "cover": "#332a40",
    "blue": "#5aa9e6",
    "sky": "#7cc4ee",
    "green": "#3cc49a",
    "amber": "#f0b63c",
    "red": "#f08a4b",
    "normal": "#1f3a33",
}


def render_palette() -> str:
    """Render the palette, the dark one where the screen asks for it, and the charts' style."""
    light = ";".join(f"--{name}:{color}" for name, color in PALETTE.items())
    dark = ";".join(f"--{name}:{color}" for name, color in DARK.items())
    classes = "".join(
        f".f-{name}{{fill:var(--{name})}}.s-{name},.chart .mark path.hollow.s-{name}"
        f"{{stroke:var(--{name})}}"
        for name in PALETTE
    )
    return (
        f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        f"{classes}\n{STYLES.read_text(encoding='utf-8')}"
    )
