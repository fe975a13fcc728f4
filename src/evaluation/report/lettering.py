"""Words of a chart: how wide they are, so that text wraps and never collides, and how they get into the drawings.

Words are placed here rather than as texts of matplotlib, whose layout of each costs more than all marks together.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

Style = dict[str, Any]
Text = tuple[float, float, str, Style]

_EM = 100.0
_ANCHORS = {"left": "start", "center": "middle", "right": "end"}


@lru_cache(maxsize=2)
def _file(bold: bool) -> str:
    from matplotlib import font_manager

    return font_manager.findfont(font_manager.FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal"))


@lru_cache(maxsize=2)
def _face(bold: bool) -> FT2Font:
    from matplotlib import ft2font

    face = ft2font.FT2Font(_file(bold))
    face.set_size(_EM, 72)
    return face


@lru_cache(maxsize=4096)
def _advance(sign: str, bold: bool) -> float:
    """Return the width of one sign in em (sizes of the font file, no hinting)."""
    from matplotlib.ft2font import LoadFlags

    face = _face(bold)
    glyph = face.load_glyph(face.get_char_index(ord(sign)), LoadFlags.NO_HINTING)
    return glyph.linearHoriAdvance / 65536 / _EM


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a line of text in points at a size in points (Arial is narrower, so this is safe)."""
    return sum(_advance(sign, bold) for sign in text) * size


def wrap(text: str, room: float, size: float, *, bold: bool = False) -> list[str]:
    """Return the text in lines no wider than `room` points; a word that is wider is cut."""
    lines, line = [], ""
    for word in str(text).split():
        tried = f"{line} {word}".strip()
        if width(tried, size, bold=bold) <= room:
            line = tried
            continue
        if line:
            lines.append(line)
        while width(word, size, bold=bold) > room and len(word) > 1:
            fits = max(1, next(k for k in range(1, len(word) + 1) if width(word[:k], size, bold=bold) > room) - 1)
            lines.append(word[:fits])
            word = word[fits:]
        line = word
    return [*lines, line] if line or not lines else lines


def as_svg(texts: Sequence[Text]) -> str:
    """Return texts as elements of an SVG measured in points; (x, y) is the end or middle of a baseline."""
    return "".join(_element(*text) for text in texts)


def _element(x: float, y: float, text: str, style: Style) -> str:
    bold = "font-weight:bold;" if style.get("fontweight") == "bold" else ""
    said = f"{bold}font-size:{style['fontsize']:g}px;text-anchor:{_ANCHORS[style.get('ha', 'left')]}"
    return (
        f'<text style="{said};fill:{style["color"].lower()}" x="{round(x, 1):g}" y="{round(y, 1):g}">'
        f"{escape(text)}</text>"
    )


def onto(picture: Image, texts: Sequence[Text], scale: float) -> None:
    """Write texts onto a picture (Pillow) of `scale` pixels to the point."""
    from PIL import ImageDraw

    pen = ImageDraw.Draw(picture)
    for x, y, text, style in texts:
        face = _scaled(style.get("fontweight") == "bold", round(style["fontsize"] * scale, 2))
        anchor = style.get("ha", "left")[0].replace("c", "m") + "s"
        pen.text((x * scale, y * scale), text, font=face, fill=style["color"], anchor=anchor)


@lru_cache(maxsize=64)
def _scaled(bold: bool, pixels: float) -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(_file(bold), pixels, layout_engine=ImageFont.Layout.BASIC)
