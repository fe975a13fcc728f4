"""Drawings made small: an SVG without what no reader sees, and as an address that a page can hold."""

from __future__ import annotations

import re
from collections import Counter

_TEXT_FONT = re.compile(r" ?font-family: [^;\"]*;?")
_NUMBER = re.compile(r"-?\d+\.\d+")
_SPLIT = re.compile(r"(<[^>]*>)")


def smaller(svg: str, family: str) -> str:
    """Return a drawing of matplotlib in about a third of its bytes, the same to the eye.

    Empty groups, ids that nothing names and invisible patches go; numbers keep one decimal (a tenth of a point,
    0.035 mm); the typeface is said once; text stays text.
    """
    svg = re.sub(r"<\?xml.*?\?>|<!DOCTYPE[^>]*>|<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.S)
    svg = re.sub(r'<path [^>]*style="fill: none; opacity: 0"/>', "", svg)
    svg = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", svg)
    svg = re.sub(r"font: ([^;\"]*?)'DejaVu Sans'(?:, sans-serif)?;?", lambda m: _font(m[1]), svg)
    svg = "".join(_tag(part) if part.startswith("<") else part if part.strip() else "" for part in _SPLIT.split(svg))
    svg = _unwrapped(_renamed(svg)).replace(
        "*{stroke-linejoin: round; stroke-linecap: butt}",
        f"*{{stroke-linejoin:round;stroke-linecap:butt}}text{{font-family:{family}}}",
    )
    return svg.replace(' standalone="no"', "")


def _font(text: str) -> str:
    """Return the parts of a font shorthand that differ from text to text: its weight and size."""
    bold = "font-weight:bold;" if re.search(r"\b(?:bold|700)\b", text) else ""
    size = re.search(r"[\d.]+px", text)
    return f"{bold}font-size:{size[0]};" if size else bold


def _tag(tag: str) -> str:
    """Return a tag with short numbers, no line breaks and no blanks that nothing needs."""
    if tag.startswith(("<text", "<path", "<use", "<svg", "<rect", "<g")):
        tag = _TEXT_FONT.sub("", tag)
        tag = _NUMBER.sub(lambda m: f"{round(float(m[0]), 1):g}", tag)
    tag = re.sub(r"\s+", " ", tag)
    tag = re.sub(r'(\bd=")([^"]*)', lambda m: m[1] + re.sub(r" ?([MLCQZz]) ?", r"\1", m[2]).strip(), tag)
    return re.sub(r'(style=")([^"]*)', lambda m: m[1] + re.sub(r"([:;]) ", r"\1", m[2]).strip("; "), tag)


def _renamed(svg: str) -> str:
    """Return the drawing with the ids that something names made short, and the others dropped."""
    named = list(dict.fromkeys(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)))
    short = {name: f"{'abcdefghij'[k % 10]}{k // 10 or ''}" for k, name in enumerate(named)}
    svg = re.sub(r' id="([^"]+)"', lambda m: f' id="{short[m[1]]}"' if m[1] in short else "", svg)
    return re.sub(r'(href="#|url\(#)([^")]+)', lambda m: m[1] + short[m[2]], svg)


def _unwrapped(svg: str) -> str:
    """Return the drawing without groups that say nothing."""
    out, kept = [], []
    for part in _SPLIT.split(svg):
        if part == "<g>":
            kept.append(False)
        elif part.startswith("<g") and not part.endswith("/>") and part[2:3] in (" ", ">"):
            kept.append(True)
            out.append(part)
        elif part == "</g>":
            out += [part] if kept.pop() else []
        elif part != "<g/>":
            out.append(part)
    return "".join(out)


def cropped(svg: bytes, top: float, bottom: float) -> bytes:
    """Return a drawing without what stands above `top` and below `bottom` (points from its upper edge)."""
    found = re.search(rb'width="([\d.]+)pt" height="([\d.]+)pt" viewBox="0 0 [\d.]+ [\d.]+"', svg)
    if found is None:
        raise ValueError("the drawing does not say its size in points")
    tall = min(bottom, float(found[2])) - top
    said = f'width="{found[1].decode()}pt" height="{tall:.1f}pt" viewBox="0 {top:.1f} {found[1].decode()} {tall:.1f}"'
    return svg.replace(found[0], said.encode(), 1)


def address(svg: bytes) -> str:
    """Return a drawing as a data address that may stand in an attribute in double quotes, far smaller than base64.

    Percent-encoded where an address or an attribute needs it (RFC 3986 and the HTML standard's double-quoted
    attributes): the per cent sign, the number sign, angle brackets, ampersand, double quotes; and blanks and commas,
    at which a list of sources (`srcset`) would be cut.
    """
    parts = _SPLIT.split(_classed(svg.decode()).replace("\n", " "))
    text = "".join(re.sub(r"\"([^\"']*)\"", r"'\1'", part) if part.startswith("<") else part for part in parts)
    for sign, code in (
        ("%", "%25"),
        ("#", "%23"),
        ("<", "%3C"),
        (">", "%3E"),
        ("&", "%26"),
        ('"', "%22"),
        (" ", "%20"),
        (",", "%2C"),
    ):
        text = text.replace(sign, code)
    return f"data:image/svg+xml,{text}"


def _classed(svg: str) -> str:
    """Return the drawing with each style that stands more than once said once, as a class."""
    counts = Counter(re.findall(r' style="([^"]*)"', svg))
    names = {style: f"s{k}" for k, style in enumerate(s for s, n in counts.items() if n > 1)}
    said = "".join(f".{name}{{{style}}}" for style, name in names.items())
    svg = re.sub(r' style="([^"]*)"', lambda m: f' class="{names[m[1]]}"' if m[1] in names else m[0], svg)
    return svg.replace("</style>", f"{said}</style>", 1)
