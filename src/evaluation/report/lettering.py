"""How wide words are in the typeface that charts are drawn in, so that text wraps and never collides."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

_EM = 100.0


@lru_cache(maxsize=2)
def _face(bold: bool) -> Any:
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    named = font_manager.FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    face = FT2Font(font_manager.findfont(named))
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
