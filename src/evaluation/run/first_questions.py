"""The five things that a first study asks of an export, each with a proposed answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from evaluation.errors import InputError, nearest
from evaluation.intake.column_description import Description
from evaluation.intake.header_rows import RESPONDENT_NUMBERS, bare
from evaluation.intake.known_words import normal

NONE, ROWS = "none", "rows"
TRIES = 5
NO_LEVELS = "numbers without levels"
ATTITUDE = re.compile(r"\b(confiden|trust|satisf|agree|happ|safe|good job|rate|opinion|approv)", re.I)
WEIGHT = re.compile(r"(^|_)(w|wt|wgt|weight|weights|pweight|wtssall|design_weight|given_weight)(_|$)")
CLUSTER = re.compile(r"(^|_)(psu|cluster|session|session_id|sampling_point)(_|$)")
CUT = re.compile(r"([^:]+): *(-?[\d.]+) and over */ *under (-?[\d.]+)", re.I)
BY_PLACE = re.compile(r"by ([^:]+):(.+) since (W\d{4}[a-z]?)", re.I)
SAMPLES = ("probability", "convenience", "census")
QUESTIONS = {
    "outcome": "What should the study measure? A column, or several with ; between; the first counts most. Where words "
    "are not in order, give it: COLUMN: lowest < next < highest",
    "treatment": "Who took part, or was reached? COLUMN: ANSWER / ANSWER OF THE OTHERS (of a number: 6 and over / "
    "under 3); or none. What was fixed "
    "beforehand and tells people apart may follow: | COLUMN, COLUMN. Where places were reached: by COLUMN: ANSWER, "
    "ANSWER since WAVE",
    "number": "Which column numbers the respondents, and which links a person's answers across waves? "
    "COLUMN; COLUMN (rows: number the rows as they stand; none: nobody is linked)",
    "weight": "How were people found (probability, convenience or census), and which column is their weight? "
    "KIND; COLUMN (none: everybody counts the same)",
    "cluster": "Which column is the place or session where people were found together, and which the stratum? "
    "COLUMN; COLUMN (none)",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person said about an export: columns by their heading, levels by their code.

    Attributes
    ----------
    outcomes, order : tuple of str, mapping
        Outcomes, the primary first; outcome to its words from the lowest to the highest, where they were given.
    treatment, treated, untreated, adjusted : str and tuples of str
        The column ("" for none), the codes of both sides, and what is adjusted for.
    cuts : tuple of float
        Of a treatment that is a number: where the others end and the treated begin.
    place, reached, since : str, tuple of str, str
        Where places were reached: their column, which, and from which wave on.
    number, link : str
        The respondent number ("rows" for none), and the link code ("" for none).
    sample, weight, cluster, strata : str
        How people were found; columns, "" for none.
    """

    outcomes: tuple[str, ...]
    order: Mapping[str, tuple[str, ...]]
    treatment: str
    treated: tuple[str, ...]
    untreated: tuple[str, ...]
    adjusted: tuple[str, ...]
    number: str
    link: str
    sample: str
    weight: str
    cluster: str
    strata: str
    place: str = ""
    reached: tuple[str, ...] = ()
    since: str = ""
    cuts: tuple[float, ...] = ()


def proposals(columns: Sequence[Description]) -> dict[str, str]:
    """Return an answer to each question, as the export suggests it; "" where it suggests none."""
    ordered = [d for d in columns if d.kind == "category" and d.ordered and len(d.levels) > 2]
    outcome = next((d for d in ordered if ATTITUDE.search(f"{d.column} {d.label} {' '.join(d.levels.values())}")), None)
    numbers = [d for d in columns if d.unique and d.kind in ("integer", "text", "category")]
    own = sorted(
        (RESPONDENT_NUMBERS.index(bare(d.column)), d.column) for d in numbers if bare(d.column) in RESPONDENT_NUMBERS
    )
    weight = next((d.column for d in columns if d.kind in ("number", "integer") and WEIGHT.search(d.name)), NONE)
    cluster = next((d.column for d in columns if CLUSTER.search(d.name)), NONE)
    return {
        "outcome": outcome.column if outcome else "",
        "treatment": NONE,
        "number": f"{own[0][1] if own else ROWS}; {NONE}",
        "weight": f"convenience; {weight}",
        "cluster": f"{cluster}; {NONE}",
    }


def ask(
    columns: Sequence[Description],
    given: Mapping[str, str],
    reply: Callable[[str], str] | None,
    *,
    accept: bool = False,
) -> Answers:
    """Return the answers: those given beforehand, the others by `reply` to each question, or as proposed.

    Parameters
    ----------
    given : mapping
        Question ("outcome", "treatment", "number", "weight", "cluster") to an answer.
    reply : callable or None
        Returns what a person answers to a question; None where nobody can be asked.
    accept : bool
        Whether proposed answers stand for those that were not given.

    Raises
    ------
    InputError
        A question has no answer, or the answer names a column or a level that the export lacks.
    """
    proposed, said = proposals(columns), {}
    for name, question in QUESTIONS.items():
        answer = given.get(name, "")
        if not answer and not accept and reply is not None:
            answer = _reply(columns, name, proposed, reply)
        elif not answer and not accept:
            raise InputError(
                f"nobody can be asked, and --{name} is not given",
                todo=f"{question}. Give --{name}, or --accept what is proposed ({proposed[name] or 'nothing here'}).",
            )
        said[name] = answer or proposed[name]
    return _answers(columns, said)


def _reply(columns: Sequence[Description], name: str, proposed: Mapping[str, str], reply: Callable[[str], str]) -> str:
    """Return a person's answer to one question, asked again with the reason where it cannot be used."""
    hint = f" [{proposed[name]}]" if proposed[name] else ""
    question = f"{QUESTIONS[name]}{hint}: "
    answer = reply(question).strip()
    for _ in range(TRIES - 1):
        try:
            CHECKS[name](columns, answer or proposed[name])
            break
        except InputError as fault:
            answer = reply(f"{fault}\n{question}").strip()
    return answer


def _answers(columns: Sequence[Description], answers: Mapping[str, str]) -> Answers:
    outcomes, order = _outcomes(columns, answers["outcome"])
    area, reached, since = _places(columns, answers["treatment"])
    cuts = _cuts(columns, answers["treatment"])
    treatment, treated, untreated, adjusted = _treatment(columns, NONE if area else answers["treatment"], bool(cuts))
    number, link = _pair(columns, answers["number"], (ROWS, ""))
    kind, column = _weight(columns, answers["weight"])
    cluster, strata = _pair(columns, answers["cluster"], ("", ""))
    out = Answers(
        outcomes,
        order,
        treatment,
        treated,
        untreated,
        adjusted,
        number,
        link,
        kind,
        column,
        cluster,
        strata,
        area,
        reached,
        since,
        cuts,
    )
    _require_once(out)
    return out


def _weight(columns: Sequence[Description], text: str) -> tuple[str, str]:
    kind, weight = _parts(text, 2, ";")
    if kind not in SAMPLES:
        raise InputError(
            f"{kind!r} is no way to find people", todo=f"Say one of {', '.join(SAMPLES)}; then COLUMN or none."
        )
    column = "" if weight in ("", NONE) else _column(columns, weight).column
    if column and _column(columns, column).kind not in ("number", "integer"):
        raise InputError(
            f"{column!r} is no weight: it is not a column of numbers", todo="Name the column of weights, or none."
        )
    return kind, column


def _require_once(answers: Answers) -> None:
    named = [*answers.outcomes, *answers.adjusted, *(c for c in (answers.treatment, answers.weight) if c)]
    twice = sorted({c for c in named if named.count(c) > 1})
    if twice:
        raise InputError(f"{twice[0]!r} is named for two things", todo="Name a column for one thing only.")


def _listed(text: str, known: Iterable[str]) -> list[str]:
    """Return the words of a list parted by commas; a known word may hold commas of its own."""
    pieces, words, out = text.split(","), {normal(w) for w in known}, list[str]()
    while pieces:
        ends = range(len(pieces), 1, -1)
        end = next((k for k in ends if normal(",".join(pieces[:k]).strip()) in words), 1)
        out.append(",".join(pieces[:end]).strip())
        pieces = pieces[end:]
    return out


def _answers_of(one: Description) -> list[str]:
    return [*one.levels.values(), *one.levels]


def _parts(text: str, count: int, mark: str) -> list[str]:
    found = [p.strip() for p in text.split(mark)]
    return [*found, *[""] * count][:count]


def _pair(columns: Sequence[Description], text: str, nothing: tuple[str, str]) -> tuple[str, str]:
    one, two = (
        absent if part in ("", NONE, ROWS) else _column(columns, part).column
        for part, absent in zip(_parts(text, 2, ";"), nothing, strict=True)
    )
    return one, two


def _column(columns: Sequence[Description], text: str) -> Description:
    """Return the column of a heading or of a variable's name."""
    plain = normal(text)
    for d in columns:
        if text.strip() in (d.column, d.name) or plain == normal(d.column):
            return d
    known = [w for d in columns for w in (d.column, d.name)]
    hint = nearest(text, known)
    raise InputError(
        f"the export has no column {text!r}",
        todo=f"Did you mean {hint!r}?" if hint else f"It has {', '.join(d.column for d in columns[:12])} …",
    )


def _parted(columns: Sequence[Description], text: str) -> tuple[str, str, str]:
    """Return heading, colon and answers of `COLUMN: ANSWERS`; a heading may hold colons of its own."""
    text = text.strip()
    for heading in sorted((d.column for d in columns if ":" in d.column), key=len, reverse=True):
        if text.startswith(heading):
            return heading, *text[len(heading) :].partition(":")[1:]
    return text.partition(":")


def _outcomes(columns: Sequence[Description], text: str) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    found: list[str] = []
    order: dict[str, tuple[str, ...]] = {}
    for part in (p for p in text.split(";") if p.strip()):
        name, mark, words = _parted(columns, part)
        one = _column(columns, part.strip() if not mark else name.strip())
        if one.kind not in ("category", "integer", "number"):
            raise InputError(f"{one.column!r} cannot be measured: it holds {one.kind}", todo="Name another column.")
        if words.strip():
            order[one.column] = tuple(_level(one, w) for w in words.split("<"))
            _require_all(one, order[one.column])
        elif one.kind == "category" and not one.ordered:
            raise InputError(
                f"the answers of {one.column!r} are words, and nothing says their order",
                todo=f"Give it: {one.column}: lowest < next < highest, of {', '.join(one.levels.values())}.",
            )
        found.append(one.column)
    if not found:
        raise InputError("no outcome is named", todo=f"{QUESTIONS['outcome']}.")
    return tuple(dict.fromkeys(found)), order


def _require_all(one: Description, order: Sequence[str]) -> None:
    lost = [w for c, w in one.levels.items() if c not in order]
    if lost or len(set(order)) < len(order):
        what = (
            f"the order of {one.column!r} leaves out {', '.join(map(repr, lost))}" if lost else "an answer stands twice"
        )
        raise InputError(what, todo="Name every answer once, from the lowest to the highest.")


def _cuts(columns: Sequence[Description], text: str) -> tuple[float, ...]:
    """Return where a number is cut into the others and the treated; nothing where the answers are no cut number."""
    found = CUT.fullmatch(text.partition("|")[0].strip())
    if not found:
        return ()
    one, high, low = _column(columns, found[1].strip()), float(found[2]), float(found[3])
    if one.kind not in ("integer", "number") or low > high:
        raise InputError(
            f"{one.column!r} cannot be cut there", todo="COLUMN: 6 and over / under 3, of a column of numbers."
        )
    return tuple(dict.fromkeys((low, high)))


def _places(columns: Sequence[Description], text: str) -> tuple[str, tuple[str, ...], str]:
    """Return the column of places, those that were reached, and from which wave on; nothing where people were."""
    found = BY_PLACE.fullmatch(text.strip())
    if not found:
        return "", (), ""
    one = _column(columns, found[1].strip())
    return one.column, tuple(_level(one, w) for w in _listed(found[2], _answers_of(one))), found[3]


def _treatment(
    columns: Sequence[Description], text: str, cut: bool
) -> tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    if text.strip().casefold() in ("", NONE):
        return "", (), (), ()
    sides, _, adjusted = text.partition("|")
    name, mark, levels = _parted(columns, sides)
    one = _column(columns, name.strip())
    headings = [w for d in columns for w in (d.column, d.name)]
    names = tuple(_column(columns, c).column for c in _listed(adjusted, headings) if c.strip())
    if not names:
        raise InputError(
            "people can be compared only if they are alike in something",
            todo=f"Name what was fixed beforehand and tells people apart: {sides.strip()} | COLUMN, COLUMN.",
        )
    if cut:
        return one.column, ("high",), ("low",), names
    treated, slash, untreated = levels.partition("/")
    if not mark or not slash:
        raise InputError(
            f"it is not said which answers of {one.column!r} are which",
            todo=f"{one.column}: ANSWER / ANSWER OF THE OTHERS, of {', '.join(one.levels.values()) or 'few numbers'}.",
        )
    found = tuple(tuple(_level(one, w) for w in _listed(side, _answers_of(one))) for side in (treated, untreated))
    if set(found[0]) & set(found[1]):
        raise InputError(f"an answer of {one.column!r} stands on both sides", todo="Name each answer on one side.")
    return one.column, found[0], found[1], names


def _level(one: Description, text: str) -> str:
    """Return the code of a level, named by its words or its code."""
    plain = normal(text)
    for code, words in one.levels.items():
        if plain in (normal(words), normal(code)):
            return code
    hint = nearest(text.strip(), one.levels.values())
    known = ", ".join(one.levels.values()) or (NO_LEVELS if one.kind in ("integer", "number") else "no closed answers")
    raise InputError(
        f"{one.column!r} has no answer {text.strip()!r}", todo=f"Did you mean {hint!r}?" if hint else f"It has {known}."
    )


def _groups(columns: Sequence[Description], text: str) -> None:
    area = _places(columns, text)[0]
    _treatment(columns, NONE if area else text, bool(_cuts(columns, text)))


CHECKS: Mapping[str, Callable[[Sequence[Description], str], object]] = {
    "outcome": _outcomes,
    "treatment": _groups,
    "number": lambda columns, text: _pair(columns, text, (ROWS, "")),
    "weight": _weight,
    "cluster": lambda columns, text: _pair(columns, text, ("", "")),
}
