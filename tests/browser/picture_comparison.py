"""Do two pictures show the same page? A share of pixels, blind to how letters are smoothed.

The same page is never quite the same picture on two machines: another release of Chromium smooths
the edges of letters otherwise, or sets them half a pixel further. So a pixel differs only where
no pixel within ``REACH`` of it in the other picture comes as near as ``LEVELS`` levels of 255 in
red, green and blue; both pictures are held to each other, so that what is new counts as what is
gone. A letter, a colour or a line that moved counts; a smoother edge does not. Along the edge of a
picture a pixel lacks neighbours, so it is not judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageFilter

REACH = 1
LEVELS = 32
COLOURS = 128  # of a palette: no level moves by more than 9
NO_DITHER = Image.Dither.NONE
SHADE = 0.25


@dataclass(frozen=True)
class Difference:
    """What differs between two pictures: the share of the pixels, and a mask of them."""

    share: float
    mask: Image.Image


def compare_pictures(expected: Image.Image, actual: Image.Image) -> Difference:
    """Hold two pictures to each other; of other sizes, every pixel differs.

    >>> white = Image.new("RGB", (42, 42), "white")
    >>> lined = white.copy()
    >>> lined.paste("black", (10, 0, 14, 42))
    >>> compare_pictures(white, white).share, compare_pictures(white, lined).share
    (0.0, 0.1)
    >>> moved = ImageChops.offset(lined, 1, 0)
    >>> compare_pictures(lined, moved).share
    0.0
    >>> compare_pictures(lined, white.crop((0, 0, 9, 9))).share
    1.0
    """
    if expected.size != actual.size:
        return Difference(1.0, Image.new("L", actual.size, 255))
    first, second = expected.convert("RGB"), actual.convert("RGB")
    beyond = ImageChops.lighter(_find_beyond(first, second), _find_beyond(second, first))
    mask = ImageChops.lighter(
        beyond.getchannel("R"), ImageChops.lighter(beyond.getchannel("G"), beyond.getchannel("B"))
    ).point([255 * (level > LEVELS) for level in range(256)])
    inner = mask.crop((REACH, REACH, mask.width - REACH, mask.height - REACH))
    return Difference(inner.histogram()[255] / (inner.width * inner.height), mask)


def _find_beyond(picture: Image.Image, around: Image.Image) -> Image.Image:
    """By how much each pixel lies outside what the other picture holds near it."""
    size = 2 * REACH + 1
    over = ImageChops.subtract(picture, around.filter(ImageFilter.MaxFilter(size)))
    under = ImageChops.subtract(around.filter(ImageFilter.MinFilter(size)), picture)
    return ImageChops.lighter(over, under)


def draw_difference(actual: Image.Image, difference: Difference) -> Image.Image:
    """Draw the picture pale and what differs in red, thick enough to be found."""
    pale = Image.blend(Image.new("RGB", actual.size, "white"), actual.convert("RGB"), SHADE)
    pale.paste((220, 0, 0), mask=difference.mask.filter(ImageFilter.MaxFilter(3)))
    return pale


def keep_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture small, with a palette of its own."""
    few = picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=NO_DITHER)
    few.save(path, optimize=True)
