"""What people said, and what the checking group made of it: its corrections are obeyed."""

from __future__ import annotations

import pandas as pd

from evaluation.analysis import layout
from evaluation.analysis.programme import register_cells
from evaluation.analysis.programme.register_cells import Held, Triples, people, per_cent, plain
from evaluation.errors import DataError
from evaluation.exhibit import Count, Exhibit, cell_key, words
from evaluation.plan.study import Plan
from evaluation.programme import actions as doing
from evaluation.programme import feedback as said
from evaluation.results import Estimate
from evaluation.statistics.crosstab import Sums


def manner(plan: Plan, wave: str, kept: pd.DataFrame, held: Held) -> list[Exhibit]:
    """Return comments by kind, comments and forms by format of the discussion, and the way from story to action."""
    made = [_kinds(plan, wave, kept, held)]
    events = register_cells.register(plan, wave, held, "events")
    if events is not None and "format" in events:
        made.append(_formats(plan, wave, kept, events, held))
    actions = register_cells.register(plan, wave, held, "actions")
    if actions is not None:
        made.append(_trace(plan, wave, kept, actions, held))
    return made


def _kinds(plan: Plan, wave: str, kept: pd.DataFrame, held: Held) -> Exhibit:
    names = register_cells.levels(plan, "feedback", "stance")
    cells: Triples = []
    for code, label in names.items():
        n = int((kept["stance"] == code).fillna(False).sum())
        cells.append((label, "Comments", _comments(f"feedback.{code}.all.{wave}", n, wave, stance=code)))
    off = int((kept["question"] == "off_topic").fillna(False).sum())
    count = _comments(f"feedback.off_topic.all.{wave}", off, wave, off="yes")
    cells.append(("Off the question asked", "Comments", count))
    shares = said.largest_theme(kept)
    if len(shares):
        cells += [
            (
                "Events with comments",
                "Events",
                plain(
                    f"feedback.events.all.{wave}",
                    len(shares),
                    wave,
                    unit="events",
                    universe="events",
                    feature="comments",
                ),
            ),
            (
                "Largest theme's share of an event's comments, median",
                "Share",
                per_cent(f"feedback.largest.median.{wave}", float(shares.median()), wave),
            ),
            (
                "Events where one theme took half of the comments or more",
                "Events",
                plain(
                    f"feedback.largest.half.{wave}",
                    int((shares >= 0.5).sum()),
                    wave,
                    unit="events",
                    universe="events",
                    feature="one theme",
                ),
            ),
        ]
    return (
        layout.table(plan, wave, "feedback.kinds", source=_source(plan, wave, held))
        .add(cells)
        .exhibit(sums=_by_theme(kept, names))
    )


def _by_theme(kept: pd.DataFrame, stances: dict[str, str]) -> Sums:
    """Return the sums that tie comments of a kind to the tables by theme: the disclosure gate reads them."""
    if kept[["theme", "stance"]].isna().any(axis=None):
        return ()
    themes = sorted(kept["theme"].astype(str).unique())
    return tuple(
        (cell_key("comments", stance=s), tuple(cell_key("comments", theme=t, stance=s) for t in themes))
        for s in stances
    )


def _formats(plan: Plan, wave: str, kept: pd.DataFrame, events: pd.DataFrame, held: Held) -> Exhibit:
    names = register_cells.levels(plan, "events", "format")
    counts = kept.groupby("event_id").size()
    cells: Triples = []
    for code, label in names.items():
        part = events[(events["format"] == code).fillna(False).to_numpy(dtype=bool)]
        if part.empty:
            continue
        public, forms = (int(part[c].astype("Float64").sum()) if c in part else 0 for c in ("n_public", "n_forms"))
        n = int(counts.reindex(part["event_id"]).fillna(0).sum())
        cells.append(
            (
                label,
                "Events",
                plain(
                    f"feedback.format.{code}.{wave}.events",
                    len(part),
                    wave,
                    unit="events",
                    universe="events",
                    format=code,
                ),
            )
        )
        cells.append((label, "Comments", _comments(f"feedback.format.{code}.{wave}.comments", n, wave, format=code)))
        if public:
            share = per_cent(f"feedback.format.{code}.{wave}.forms", forms / public, wave, base=public)
            cells.append((label, "Forms as a share of attendances", share))
    return layout.table(plan, wave, "feedback.formats", source=_source(plan, wave, held)).add(cells).exhibit()


def _trace(plan: Plan, wave: str, kept: pd.DataFrame, actions: pd.DataFrame, held: Held) -> Exhibit:
    """Return, by theme, lived experience and ideas told, actions raised on it, and actions done."""
    themes = register_cells.levels(plan, "feedback", "theme")
    cells: Triples = []
    for code, label in themes.items():
        here, own = kept[kept["theme"] == code], actions[actions["theme"] == code]
        if here.empty and own.empty:
            continue
        done = int(own["status"].isin(doing.DONE_STATUSES).sum())
        told = (("story", "Told as lived experience"), ("solution", "Ideas of what good looks like"))
        cells += [
            (
                label,
                column,
                _comments(f"trace.{s}.{code}.{wave}", int((here["stance"] == s).sum()), wave, theme=code, stance=s),
            )
            for s, column in told
        ]
        of = {"unit": "actions", "universe": "actions", "theme": code}
        cells += [
            (label, "Actions on the theme", plain(f"trace.actions.{code}.{wave}", len(own), wave, **of)),
            (label, "Done", plain(f"trace.done.{code}.{wave}", done, wave, **of, status="done")),
        ]
    return layout.table(plan, wave, "feedback.trace").add(cells).exhibit()


ALL = "All questions"


def feedback(plan: Plan, wave: str, held: Held) -> list[Exhibit]:
    """Return themes by question, what is wrong and what good looks like, the group's verdicts, channels, agreement."""
    rows = register_cells.register(plan, wave, held, "feedback")
    if rows is None:
        return [
            register_cells.absent(plan, wave, "feedback.themes", "feedback"),
            register_cells.absent(plan, wave, "feedback.check", "feedback"),
        ]
    events = register_cells.register(plan, wave, held, "events")
    checked = said.sense_check(rows)
    kept = rows[~rows["theme"].isin(checked.rejected_themes)]
    clean = kept[~(kept["sense_check"] == "rejected").fillna(False).to_numpy(dtype=bool)]
    return [
        _themes(plan, wave, kept, held),
        _stances(plan, wave, kept, held),
        _asked(plan, wave, kept, events, held),
        _check(plan, wave, rows, checked, held),
        _channels(plan, wave, kept, held),
        _agreement(plan, wave, rows, held),
        _communities(plan, wave, kept, events, held),
        *manner(plan, wave, clean, held),
    ]


def _source(plan: Plan, wave: str, held: Held) -> str:
    return register_cells.source(plan, "feedback", register_cells.through(plan, wave, held))


def _comments(id: str, n: int, wave: str, **levels: object) -> Count:
    return people(id, n, wave, unit="comments", universe="comments", **levels)


def _themes(plan: Plan, wave: str, kept: pd.DataFrame, held: Held) -> Exhibit:
    table = said.themes(kept)
    themes, questions = (
        register_cells.levels(plan, "feedback", "theme"),
        register_cells.levels(plan, "feedback", "question"),
    )
    totals = table.groupby("theme")["comments"].sum().sort_values(ascending=False)
    cells: Triples = []
    sums = []
    for theme, total in totals.items():
        label = themes.get(str(theme), str(theme))
        here = table[table["theme"] == theme].set_index("question")["comments"]
        parts = []
        for q, word in questions.items():
            if q not in set(table["question"]):
                continue
            count = _comments(f"feedback.theme.{theme}.{wave}.{q}", int(here.get(q, 0)), wave, theme=theme, question=q)
            cells.append((label, word, count))
            parts.append(count.key)
        whole = _comments(f"feedback.theme.{theme}.{wave}", int(total), wave, theme=theme)
        cells.append((label, ALL, whole))
        sums.append((whole.key, tuple(parts)))
    checker = plan.words.checking_group
    return (
        layout.table(plan, wave, "feedback.themes", source=_source(plan, wave, held), checker=checker)
        .add(cells)
        .exhibit(sums=tuple(sums))
    )


def _stances(plan: Plan, wave: str, kept: pd.DataFrame, held: Held) -> Exhibit:
    """Return, by theme, comments on what is wrong and on what good looks like."""
    table, themes = said.stances(kept), register_cells.levels(plan, "feedback", "theme")
    stances = register_cells.levels(plan, "feedback", "stance")
    cells: Triples = []
    for theme in table.sum(axis=1).sort_values(ascending=False).index:
        for s in [s for s in ("problem", "solution") if s in table]:
            id = f"feedback.stance.{theme}.{wave}.{s}"
            count = _comments(id, int(table.loc[theme, s]), wave, theme=theme, stance=s)
            cells.append((themes.get(str(theme), str(theme)), stances.get(s, s), count))
    return layout.table(plan, wave, "feedback.wrong_good", source=_source(plan, wave, held)).add(cells).exhibit()


def _asked(plan: Plan, wave: str, kept: pd.DataFrame, events: pd.DataFrame | None, held: Held) -> Exhibit:
    """Return, by key question, at how many of the events where it was asked each theme came up."""
    if events is None:
        return register_cells.absent(plan, wave, "feedback.asked", "events")
    table, where = said.themes(kept, events), said.events_by_question(events)
    themes, questions = (
        register_cells.levels(plan, "feedback", "theme"),
        register_cells.levels(plan, "feedback", "question"),
    )
    of = {"unit": "events", "universe": "events"}
    cells: Triples = []
    for q, label in questions.items():
        if q in where:
            count = plain(f"feedback.asked.{q}.{wave}", len(where[q]), wave, **of, asked=q)
            cells.append(("Events where it was asked", label, count))
    for row in table.itertuples(index=False):
        if row.asked:
            id = f"feedback.came_up.{row.theme}.{wave}.{row.question}"
            count = plain(id, row.events, wave, **of, asked=row.question, theme=row.theme)
            cells.append((themes.get(row.theme, row.theme), questions.get(row.question, row.question), count))
    return layout.table(plan, wave, "feedback.asked", source=_source(plan, wave, held)).add(cells).exhibit()


def _check(plan: Plan, wave: str, rows: pd.DataFrame, checked: said.SenseCheck, held: Held) -> Exhibit:
    names, themes = (
        register_cells.levels(plan, "feedback", "sense_check"),
        register_cells.levels(plan, "feedback", "theme"),
    )
    cells: Triples = []
    parts = []
    for verdict in ("agreed", "amended", "rejected", "pending"):
        count = _comments(f"feedback.check.{verdict}.{wave}", getattr(checked, verdict), wave, check=verdict)
        cells.append((names.get(verdict, verdict), "Comments", count))
        parts.append(count.key)
    whole = _comments(f"feedback.check.all.{wave}", len(rows), wave, check="any")
    cells.append(("All comments", "Comments", whole))
    gone = [themes.get(t, t) for t in checked.rejected_themes]
    checker = plan.words.checking_group
    done = f"{checker[:1].upper()}{checker[1:]}"
    said_so = (
        f"Left out of this report because {checker} rejected them: {', '.join(gone)}."
        if gone
        else ("No theme was rejected as a whole.")
    )
    state = (
        f"{done} has not checked any comment yet."
        if checked.verdicts == 0
        else (
            f"{done} has still to check the comments marked as not yet checked."
            if checked.pending
            else f"{done} has checked every comment."
        )
    )
    return (
        layout.table(
            plan, wave, "feedback.check", checker=checker, source=_source(plan, wave, held), note=said_so, note_2=state
        )
        .add(cells)
        .exhibit(sums=((whole.key, tuple(parts)),))
    )


def _channels(plan: Plan, wave: str, kept: pd.DataFrame, held: Held) -> Exhibit:
    themes = register_cells.levels(plan, "feedback", "theme")
    cells: Triples = []
    for theme, row in said.channels(kept).iterrows():
        label = themes.get(str(theme), str(theme))
        cells += [
            (
                label,
                "On forms",
                _comments(f"feedback.forms.{theme}.{wave}", row["forms"], wave, theme=theme, by="form"),
            ),
            (
                label,
                "Aloud, from notes",
                _comments(f"feedback.aloud.{theme}.{wave}", row["aloud"], wave, theme=theme, by="aloud"),
            ),
            (
                label,
                "Heard on forms only",
                words(f"feedback.forms_only.{theme}.{wave}", "yes" if row["forms_only"] else "no"),
            ),
        ]
    return layout.table(plan, wave, "feedback.channels", source=_source(plan, wave, held)).add(cells).exhibit()


def _agreement(plan: Plan, wave: str, rows: pd.DataFrame, held: Held) -> Exhibit:
    """Return Cohen's kappa of two coders, over all themes and theme by theme; a refusal where one coder coded."""
    title, column = "Agreement of two coders", "Kappa"
    second = "theme_second"
    both = rows[["theme", second]].dropna() if second in rows else pd.DataFrame()
    if len(both) < plan.disclosure.least_base:
        cell = register_cells.cannot(
            wave,
            f"feedback.kappa.all.{wave}",
            "fewer than the least number of comments were coded by two people",
            "Have a second person code a sample of comments, blind to the first.",
        )
        return layout.table(plan, wave, "feedback.kappa").only(cell)
    themes = register_cells.levels(plan, "feedback", "theme")
    cells: Triples = []
    pairs = [("all", "All themes", both["theme"], both[second])]
    pairs += [(t, w, both["theme"] == t, both[second] == t) for t, w in themes.items()]
    for id, label, a, b in pairs:
        if id != "all" and min(int(a.sum()), int(b.sum())) < plan.disclosure.threshold:
            continue
        try:
            k = said.kappa(a, b)
        except DataError:
            continue
        cells.append(
            (
                label,
                column,
                Estimate(
                    k.value,
                    se=k.se,
                    low=k.low,
                    high=k.high,
                    unit="kappa",
                    n={"comments": k.n},
                    wave=wave,
                    method="Cohen's kappa",
                    se_method="Fleiss, Cohen and Everitt 1969",
                    id=f"feedback.kappa.{id}.{wave}".lower(),
                ),
            )
        )
        cells.append((label, "To be coded again", words(f"feedback.recode.{id}.{wave}", "yes" if k.recode else "no")))
    return (
        layout.table(
            plan,
            wave,
            "feedback.kappa",
            heading=title,
            source=_source(plan, wave, held),
            recode_below=f"{said.RECODE_BELOW:g}",
        )
        .add(cells)
        .exhibit()
    )


def _communities(plan: Plan, wave: str, kept: pd.DataFrame, events: pd.DataFrame | None, held: Held) -> Exhibit:
    """Return comments by theme and by the community in focus of the event, small cells hidden."""
    if events is None:
        return register_cells.absent(plan, wave, "feedback.communities", "events")
    focus = events.set_index("event_id")["focus_community"].to_dict()
    clean = kept[~(kept["sense_check"] == "rejected").fillna(False).to_numpy(dtype=bool)].dropna(subset=["theme"])
    themes = register_cells.levels(plan, "feedback", "theme")
    groups = register_cells.levels(plan, "events", "focus_community")
    table = pd.crosstab(clean["theme"].astype(str), clean["event_id"].map(focus).fillna("not stated").astype(str))
    cells: Triples = []
    sums = []
    for theme, row in table.iterrows():
        parts = []
        for c, n in row.items():
            count = _comments(
                f"feedback.community.{theme}.{wave}.{str(c).replace(' ', '-')}", int(n), wave, theme=theme, focus=c
            )
            cells.append((themes.get(str(theme), str(theme)), groups.get(str(c), "Not stated"), count))
            parts.append(count.key)
        sums.append((cell_key("comments", theme=theme), tuple(parts)))
    return (
        layout.table(plan, wave, "feedback.communities", source=_source(plan, wave, held))
        .add(cells)
        .exhibit(sums=tuple(sums))
    )
