"""Static checks of finished pages, without a browser: accessibility, tracing of numbers, nothing from outside."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from typing import NamedTuple

from evaluation.disclosure import CheckedRow

VOID = {"meta", "link", "img", "br", "hr", "source", "input", "col", "wbr"}
HIDDEN = {"style", "script", "title", "head"}
LABELS = {"caption", "h1", "h2", "h3", "summary", "nav", "header", "footer", "dt", "pre"}
HEADINGS = {f"h{k}" for k in range(1, 7)}
FETCHED = {"src", "srcset", "href", "data"}
OUTSIDE = re.compile(r"(?:https?:)?//|javascript:", re.I)
NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
PLACEHOLDER = re.compile(r"^(image|figure|chart|plot|no description|alt|png|svg)?\W*$|has been provided", re.I)


class _Node(NamedTuple):
    """An open element with what it inherits: whether its words are hidden or are labels, its result id, its block."""

    tag: str
    hidden: bool = False
    label: bool = False
    where: str = ""
    block: str = ""


@dataclass(slots=True)
class Reading:
    """What a page holds, gathered in one pass."""

    ids: list[str] = field(default_factory=list)
    refs: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    tags: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    numbered: list[tuple[str, str, str]] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)


class _Reader(HTMLParser):
    """Read a page once: structure for the accessibility rules, visible words, numbers with the id that covers them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[_Node] = []
        self.reading = Reading()
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {k: v or "" for k, v in attrs}
        self.reading.tags[tag] += 1
        self._collect(tag, values)
        if tag in BLOCKS:
            self._flush()
        if tag in VOID:
            return
        above = self.open[-1] if self.open else _Node("")
        covered = "data-result" in values or "data-plan" in values
        self.open.append(
            _Node(
                tag,
                above.hidden or tag in HIDDEN,
                above.label or tag in LABELS,
                values.get("data-result") or "plan" if covered else above.where,
                tag if tag in BLOCKS else above.block,
            )
        )

    def handle_endtag(self, tag: str) -> None:
        if tag in BLOCKS:
            self._flush()
        while self.open:
            if self.open.pop().tag == tag:
                break

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else _Node("")
        if inside.hidden:
            return
        self._text.append(data)
        if not inside.label and any(c.isdigit() for c in data):
            self.reading.numbered.append((data, inside.where, inside.block))

    def close(self) -> None:
        super().close()
        self._flush()

    def _flush(self) -> None:
        text = " ".join("".join(self._text).split())
        if text:
            self.reading.blocks.append(text)
        self._text = []

    def _collect(self, tag: str, attributes: dict[str, str]) -> None:
        found = self.reading
        if "id" in attributes:
            found.ids.append(attributes["id"])
        found.refs += [attributes["aria-labelledby"]] if "aria-labelledby" in attributes else []
        if attributes.get("href", "").startswith("#"):
            found.refs.append(attributes["href"][1:])
        if tag == "html" and not attributes.get("lang"):
            found.faults.append("the page names no language")
        if tag == "img":
            alt = attributes.get("alt", "").strip()
            if PLACEHOLDER.match(alt) or len(alt) < 20:
                found.faults.append(f"an image without a real alt text: {alt!r}")
        if tag == "th" and "scope" not in attributes:
            found.faults.append("a table header without scope")
        if tag in HEADINGS:
            found.levels.append(int(tag[1]))
        self._outside(tag, attributes)

    def _outside(self, tag: str, attributes: dict[str, str]) -> None:
        """Note active content and anything that is fetched from outside the file."""
        found = self.reading
        if tag in ("script", "iframe", "object", "embed", "form") or any(k.startswith("on") for k in attributes):
            found.faults.append(f"active content: <{tag}>")
        for name in attributes.keys() & FETCHED if tag != "a" else ():
            if OUTSIDE.match(attributes[name]):
                found.faults.append(f"something from outside the file: <{tag} {name}>")


BLOCKS = {
    "p",
    "li",
    "td",
    "th",
    "h1",
    "h2",
    "h3",
    "h4",
    "caption",
    "summary",
    "dt",
    "dd",
    "figcaption",
    "blockquote",
    "div",
    "section",
    "title",
    "strong-block",
    "table",
    "tr",
}


@lru_cache(maxsize=1)
def read(page: str) -> Reading:
    """Return what a page holds; both checks of one page share the reading, which nobody changes."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.reading


def accessibility(page: str) -> list[str]:
    """Return each fault that can be seen without a browser; an empty list for a sound page."""
    found = read(page)
    faults = list(found.faults)
    doubled = [i for i, k in Counter(found.ids).items() if k > 1]
    faults += [f"an id stands twice: {i}" for i in doubled]
    faults += [f"a reference to nothing: {r}" for r in dict.fromkeys(found.refs) if r not in found.ids]
    if found.tags["h1"] != 1:
        faults.append(f"{found.tags['h1']} first-level headings, not 1")
    if found.tags["main"] != 1:
        faults.append("no main landmark, or more than one")
    for a, b in zip(found.levels, found.levels[1:], strict=False):
        if b > a + 1:
            faults.append(f"a heading of level {b} follows one of level {a}")
    if found.tags["table"] != found.tags["caption"]:
        faults.append("a table without a caption")
    if re.search(r"@import|url\(\s*['\"]?(?:https?:)?//", page):
        faults.append("a style from outside the file")
    return faults


def text(page: str) -> str:
    """Return the visible text of a page, one block a line, each ended so that sentences do not run together."""
    return "\n".join(read(page).blocks)


def untraced(page: str, rows: Mapping[str, CheckedRow], own: Iterable[str] = ()) -> list[str]:
    """Return each printed number that no result, and no choice of the plan, accounts for.

    A number inside an element with `data-result` must belong to a result in `rows`, and must be one of that row's own
    numbers, or stand in its own text. Table headers and list marks hold labels, not results; numbers in the plan's
    `own` words are choices of the plan.
    """
    bad = []
    held = [x for x in read(page).numbered if any(c.isdigit() for c in x[0])]
    patterns = _patterns(own)
    numbered = [(_without(data, patterns), where, inside) for data, where, inside in held]
    for number, where, inside in ((n, where, inside) for data, where, inside in numbered for n in NUMBER.findall(data)):
        if where == "plan" or inside == "th":
            continue
        if not where:
            bad.append(f"{number} ({inside}): no result id")
        elif where not in rows:
            bad.append(f"{number}: result id {where!r} is not in the results")
        elif not is_number_of(number, rows[where]):
            bad.append(f"{number}: not a number of {where!r}")
    return bad


def _patterns(own: Iterable[str]) -> list[re.Pattern[str]]:
    """Return how the plan's own words that hold a digit are found, wherever they begin a sentence or not."""
    told = sorted((w.split() for w in own if any(c.isdigit() for c in w)), key=lambda w: len(" ".join(w)), reverse=True)
    spaced = (r"\s+".join(re.escape(part) for part in words) for words in told)
    return [re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE) for words in spaced]


def _without(data: str, patterns: Iterable[re.Pattern[str]]) -> str:
    """Return a text without what the patterns find."""
    for pattern in patterns:
        data = pattern.sub(" ", data)
    return data


def is_number_of(number: str, row: CheckedRow) -> bool:
    """Return whether a printed number is one of a checked row's numbers, at any of the ways it may be printed."""
    from evaluation.report import phrases

    told = ("text", "n_text", "reason", "id", "question", "method", "se_method", "estimand", "gates", "unit")
    words = " ".join(str(getattr(row, k, "") or "") for k in told)
    if number in NUMBER.findall(words):
        return True
    values = [
        getattr(row, k, None) for k in ("value", "low", "high", "mde", "margin", "n", "n_effective", "n_sessions")
    ]
    ways = {phrases.number(v, row.unit or "") for v in values if isinstance(v, int | float)}
    ways |= {phrases.bare(abs(v)) for v in values if isinstance(v, int | float)}
    estimates = [getattr(row, k, None) for k in ("value", "low", "high")]
    known = [v for v in estimates if isinstance(v, int | float)]
    ways |= {*phrases.alike(known, row.unit or ""), *phrases.alike(known[1:], row.unit or "")}
    most = max((phrases.places(v, row.unit or "") for v in known), default=0)
    ways |= {f"{abs(v):,.{most + more}f}" for v in known for more in (0, 1) if most + more < 3}  # beside finer ones
    share = getattr(row, "same_sign_share", None)
    if share is not None:
        ways.add(f"{share * 100:.0f}")
    return number in ways or number.replace(",", "") in ways


CONTRASTS = ("level", "mean", "change", "changeshare", "gap", "attend", "attendshare", "d1", "d2", "d3", "d4", "d5")


def incomplete(rows: list[CheckedRow]) -> list[str]:
    """Return each published estimate that lacks its number of people, its interval or its licence."""
    faults = []
    for row in rows:
        if row.kind != "estimate" or not row.shown or row.id.split(".")[0] not in CONTRASTS:
            continue
        lacking = [] if row.n_text else ["the number of people"]
        lacking += [] if row.low is not None and row.high is not None else ["an interval"]
        lacking += [] if row.licence else ["a licence"]
        if lacking:
            faults.append(f"{row.id!r} has no {' and no '.join(x.split(' ', 1)[1] for x in lacking)}")
    return faults
