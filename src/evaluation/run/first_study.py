"""The codebook, the plan and the map of a first study, written from an export and five answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.intake.add_wave import Drafted
from evaluation.intake.column_description import Description
from evaluation.intake.column_targets import ROW
from evaluation.intake.header_rows import TIMES, bare
from evaluation.plan.codebook import Codebook
from evaluation.run.first_questions import ROWS, Answers

UNREAD = {
    "text": "people's own words, or more different words than a closed question has; not read",
    "contact": "it holds contact details; not read",
    "empty": "nobody has an answer",
    "date": "a date that is not known to be the day of the answer; not read",
}
MISSING = {
    "-9": "Left blank",
    "-8": "Does not know",
    "-7": "Prefers not to say",
    "-6": "Not applicable",
    "-5": "Not asked in this wave",
    "-4": "Cannot be read",
    "-3": "Withheld",
}
MOST_POINTS = 11  # levels up to which numbers are a rating
HEAD = """# The plan of your study, as drafted from the export and five answers. Read every line; change what is not so;
# `evaluation plan --freeze --wave W` then keeps it, with its hash, before answers are opened.
"""


@dataclass(frozen=True, slots=True)
class First:
    """A first study: its waves with their exports' columns, all columns together, and what was answered.

    Attributes
    ----------
    waves : mapping
        Wave to the description of its export's columns.
    columns : tuple of Description
        Every column of any wave once.
    answers : Answers
        What a person said.
    """

    waves: Mapping[str, Sequence[Description]]
    columns: tuple[Description, ...]
    answers: Answers

    def name(self, column: str) -> str:
        """Return the variable of a column."""
        return "resp_id" if column == self.answers.number else next(d.name for d in self.columns if d.column == column)

    def kind(self, d: Description) -> str:
        """Return the type that a column has in the codebook; "" for one that is not read."""
        said = self.answers
        if d.column in (said.number, said.link, said.cluster, said.strata):
            return "id"
        if d.column == said.weight:
            return "number"
        if d.column in said.outcomes:
            few = 1 < len(d.levels) <= MOST_POINTS and (d.column in said.order or (d.ordered and _is_scale(d)))
            return "ordinal" if few else d.kind
        if d.column == said.treatment:
            return d.kind if said.cuts else "category"
        if d.kind == "date":
            return "date" if bare(d.column) in TIMES or bare(d.column) in ("date", "interview date") else ""
        return "" if d.kind in UNREAD else d.kind

    def role(self, d: Description) -> str:
        """Return the role of a column in the codebook."""
        said = self.answers
        if d.column in (said.number, said.link):
            return "id"
        if d.column in (said.cluster, said.strata, said.weight) or d.kind == "date":
            return "collection"
        return "outcome" if d.column in said.outcomes else "treatment" if d.column == said.treatment else "design"

    def levels(self, d: Description) -> dict[str, str]:
        """Return the levels of a closed question, from the lowest to the highest where that is known."""
        if d.column not in self.answers.order:
            return dict(d.levels)
        return {str(k): d.levels[code] for k, code in enumerate(self.answers.order[d.column], 1)}

    def positive(self, d: Description) -> list[int]:
        """Return the upper answers of an outcome: as many as lie above its middle, two of five."""
        codes = sorted(int(c) for c in self.levels(d)) if self.kind(d) == "ordinal" else []
        return codes[-(len(codes) // 2) :] if len(codes) > 1 else []


def _is_scale(d: Description) -> bool:
    """Return whether ordered codes are answers in words, or no and yes: numbers without words may count something."""
    return set(d.levels) == {"0", "1"} or any(code != words for code, words in d.levels.items())


def together(exports: Sequence[Sequence[Description]]) -> tuple[Description, ...]:
    """Return every column of any export once: levels joined, ends as wide as any."""
    found: dict[str, Description] = {}
    for d in (d for columns in exports for d in columns):
        one = found.get(d.column)
        if one is None or one.kind in ("empty", d.kind if one.kind != d.kind else ""):
            found[d.column] = d if one is None else replace(d, name=one.name)
            continue
        kinds = {one.kind, d.kind} - {"empty"}
        kind = "number" if kinds == {"integer", "number"} else one.kind
        found[d.column] = replace(
            one,
            kind=kind,
            levels={**one.levels, **d.levels} if kind != "number" else {},
            ordered=one.ordered and d.ordered,
            least=min((v for v in (one.least, d.least) if v is not None), default=None),
            most=max((v for v in (one.most, d.most) if v is not None), default=None),
            unique=one.unique and d.unique,
        )
    return tuple(found.values())


def codebook(first: First) -> str:
    """Return the codebook of the export's own columns."""
    lines = ['codebook_version: "1"', "missing_codes:", *(f"  {_q(k)}: {_q(v)}" for k, v in MISSING.items())]
    lines += ["tables:", "  survey:", '    grain: "a respondent in a wave"', '    key: ["resp_id"]', "    vars:"]
    lines.append('      - {name: wave, label: "Wave", type: id, role: id, req: always, sens: ordinary}')
    if first.answers.number == ROWS:
        lines.append(
            '      - {name: resp_id, label: "Row of the export", type: id, role: id, req: always, sens: ordinary}'
        )
    for d in first.columns:
        if kind := first.kind(d):
            lines.append(f"      - {{{', '.join(_variable(first, d, kind))}}}")
    return "\n".join(lines) + "\n"


def _variable(first: First, d: Description, kind: str) -> list[str]:
    secret = d.column == first.answers.link
    out = [f"name: {first.name(d.column)}", f"label: {_q(d.label)}", f"type: {kind}", f"role: {first.role(d)}"]
    out += ["req: optional", f"sens: {'direct' if secret else 'ordinary'}"]
    if kind in ("category", "ordinal"):
        out.append(f"levels: {{{', '.join(f'{_q(c)}: {_q(w)}' for c, w in first.levels(d).items())}}}")
    elif kind in ("integer", "number") and d.least is not None and d.most is not None:
        out += [f"min: {_q(_end(d.least))}", f"max: {_q(_end(d.most))}"]
    return out


def _end(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def drafted(first: First, wave: str) -> Drafted:
    """Return the map of a wave's export: every column as the variable made from it, or with the reason why not."""
    columns, labels, unsure, missing, ignore = {}, {}, {}, {}, {}
    known = {d.column: d for d in first.columns}
    for one in first.waves[wave]:
        d = known[one.column]
        kind, name = first.kind(d), first.name(one.column)
        if not kind:
            ignore[one.column] = UNREAD[d.kind]
            continue
        columns[one.column] = (name, "its own")
        missing |= {word: str(code) for word, code in one.missing.items()}
        if one.labels and kind in ("integer", "number", "ordinal"):
            labels[name] = dict(one.labels)
        unsure |= {name: dict.fromkeys(one.codes, "-9")} if one.codes and kind != "id" else {}
    if first.answers.number == ROWS:
        columns[ROW] = ("resp_id", "the rows as they stand")
    return Drafted(columns, labels, unsure, missing, ignore, _wordings(first, wave))


def _wordings(first: First, wave: str) -> dict[str, str]:
    """Return "same" for each outcome whose question the files hold, word for word as in the first wave that asked."""
    out = {}
    for column in first.answers.outcomes:
        asked = {w: next((d for d in held if d.column == column), None) for w, held in first.waves.items()}
        before = next((d for w, d in asked.items() if d is not None and w < wave), None)
        here = asked[wave]
        if before is not None and here is not None:
            words = before.label == here.label and before.label != column
            out[first.name(column)] = "same" if words and dict(before.levels) == dict(here.levels) else "unknown"
    return out


def plan(first: First, book: Codebook) -> str:
    """Return `study.toml`: what was answered, and what follows from it; nothing is left to fill in."""
    said, primary = first.answers, first.name(first.answers.outcomes[0])
    label = book.label(primary)
    lines = [
        HEAD,
        "[study]",
        f"title = {_q(_title(first, label))}",
        f"waves = {_list(first.waves)}          # in order; what each wave asked stands in its wave.toml",
        'codebook = "data_raw/codebook.yaml"',
        'timezone = "Europe/London"',
        "seed = 1                                 # one seed; every random step takes a child of it",
        *_words(first),
        "",
        "[population]                             # margins to weight to; none leaves the answers as they are",
        'title = "people who answered"',
        "margins = []",
        f"sample = {_q(said.sample)}               # how people were found: probability, convenience or census",
    ]
    for key, column in (
        ("given_weight", said.weight),
        ("session_column", said.cluster),
        ("strata_column", said.strata),
    ):
        lines += [f"{key} = {_q(first.name(column))}"] if column else []
    parts = (
        *_cut(first),
        *_outcomes(first, primary),
        *_treatment(first),
        *_designs(first, label),
        *_places(first, label),
    )
    return "\n".join([*lines, *parts]) + "\n"


def _title(first: First, label: str) -> str:
    d = next((d for d in first.columns if d.column == first.answers.treatment), None)
    return f"{label}: what people say" if d is None else f"{label}: does it differ by {d.label.rstrip('?')}?"


def _words(first: First) -> list[str]:
    said = first.answers
    d = next((d for d in first.columns if d.column == said.treatment), None)
    begun = [
        "",
        "[words]                                  # filled into notebooks and reports: say it as your readers would",
        'session = "cluster"                      # people who were asked together',
    ]
    if d is None:
        return begun
    one, other = _sides(first, d)
    short, others_short = _short(d.column, one, other)
    return [
        *begun,
        f"treated = {_q(_fit(f'people with “{one}” ({d.label})', 160))}",
        f"untreated = {_q(_fit(f'people with “{other}” ({d.label})', 160))}",
        f"treated_short = {_q(short)}",
        f"untreated_short = {_q(others_short)}",
        f"attended_question = {_q(_fit(f'about {d.label}', 160))}",
        f"programme = {_q(_fit(d.label, 160))}",
        f"programme_long = {_q(_fit(d.label, 160))}",
    ]


def _short(column: str, *sides: str, most: int = 60) -> list[str]:
    """Return each side in at most `most` characters: its answer whole before its column, and no two the same."""
    room = most - 2 - max(map(len, sides))
    said = [f"{_fit(column, room)}: {side}" if room >= 12 else _fit(side, most) for side in sides]
    if len(set(said)) == len(said):
        return said
    return [f"{n}: {_fit(side, most - 3)}" for n, side in enumerate(sides, 1)]


def _sides(first: First, d: Description) -> tuple[str, str]:
    """Return both sides of the treatment in words: the export's own, or the ends of a cut number."""
    said = first.answers
    if said.cuts:
        return f"{said.cuts[-1]:g} and over", f"under {said.cuts[0]:g}"
    one, other = (" or ".join(d.levels[c] for c in side) for side in (said.treated, said.untreated))
    return one, other


def _cut(first: First) -> list[str]:
    """Return the column that a treatment which is a number is cut into."""
    said = first.answers
    if not said.cuts:
        return []
    d = next(d for d in first.columns if d.column == said.treatment)
    levels = ["low", "high"] if len(said.cuts) == 1 else ["low", "middle", "high"]
    one, other = _sides(first, d)
    labels = {"low": other, "middle": "in between", "high": one}
    inside = ", ".join(f"{k} = {_q(labels[k])}" for k in levels)
    return [
        "",
        f"[derive.{first.name(d.column)}_cut]",
        f"from = {_q(first.name(d.column))}",
        f"cuts = {json.dumps(list(said.cuts))}",
        f"levels = {_list(levels)}",
        f"label = {_q(d.label)}",
        f"labels = {{ {inside} }}",
        'reason = "cut where the study said when it began"',
    ]


def _fit(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 2].rstrip()} …"


def _outcomes(first: First, primary: str) -> list[str]:
    said = first.answers
    found = {d.column: d for d in first.columns}
    positive = {first.name(c): first.positive(found[c]) for c in said.outcomes}
    lines = [
        "",
        "[outcomes]",
        f"primary = {_q(primary)}",
        'primary_reason = "named by the study before its answers were opened"',
        "margin_sd = 0.2                          # smallest worthwhile change, in SD of the first wave",
        "margin_share = 5.0                       # the same for shares, in percentage points",
    ]
    if more := [first.name(c) for c in said.outcomes[1:]]:
        lines += [f"secondary = {_list(more)}", 'secondary_reason = "named with the primary outcome"']
    if held := {k: v for k, v in positive.items() if v}:
        inside = ", ".join(f"{k} = {v}" for k, v in held.items())
        lines.append(f"positive_of = {{ {inside} }}          # answers that count as positive")
    return lines


def _treatment(first: First) -> list[str]:
    said = first.answers
    lines = ["", "[treatment]"] if said.treatment or said.link else []
    if said.link:
        lines.append(f"link_column = {_q(first.name(said.link))}          # links one person's answers across waves")
    if not said.treatment:
        return lines
    lines += [
        f"column = {_q(first.name(said.treatment) + ('_cut' if said.cuts else ''))}",
        f"treated = {_list(said.treated)}",
        f"untreated = {_list(said.untreated)}",
    ]
    names = [first.name(c) for c in said.adjusted]
    lines += [
        "",
        "[covariates]                             # fixed before anybody could take part; each with its reason",
    ]
    lines += [f'{n} = "named as fixed beforehand when the study began"' for n in names]
    return [*lines, "", "[matching]", f"prognostic = {_list(names)}"]


def _designs(first: First, label: str) -> list[str]:
    said, waves = first.answers, list(first.waves)
    if not said.treatment or not said.link or len(waves) < 2:
        return []
    moved = f"change in {label} among linked people who joined between the waves, against those who never did"
    return [
        "",
        "[designs.D5]                             # the same people, seen in both waves",
        'title = "The same people, before and after"',
        f"outcome = {_q(first.name(said.outcomes[0]))}",
        f"estimand = {_q(_fit(moved, 160))}",
        'licence = "association"',
        "planned = true",
        f"waves = {_list([waves[0], waves[-1]])}",
    ]


def _places(first: First, label: str) -> list[str]:
    said, waves = first.answers, list(first.waves)
    if not said.place:
        return []
    before = [w for w in waves if w < said.since]
    return [
        "",
        "[exposure]                               # which places were reached, and from which wave on",
        f"area_column = {_q(first.name(said.place))}",
        f"reached = {_list(said.reached)}",
        f"since = {_q(said.since)}",
        f"pre_waves = {_list(before)}",
        "",
        "[designs.D1]",
        'title = "Places that were reached and places that were not"',
        f"outcome = {_q(first.name(said.outcomes[0]))}",
        f"estimand = {_q(_fit(f'change in {label} in places that were reached, over and above other places', 160))}",
        'licence = "association"',
        "planned = true",
        f"waves = {_list([(before or waves)[-1], waves[-1]])}",
    ]


def _q(text: object) -> str:
    return json.dumps(str(text), ensure_ascii=False)


def _list(items: object) -> str:
    return json.dumps(list(items), ensure_ascii=False)  # type: ignore[call-overload]


def wave_of(export: Path) -> str:
    """Return the wave id that a file's name suggests, by its first year; "" for none."""
    import re

    found = re.search(r"(19|20)\d\d", export.stem)
    return f"W{found[0]}" if found else ""
