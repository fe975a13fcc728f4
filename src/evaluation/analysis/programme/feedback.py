"""Comments at events: themes and kinds, and what the checking group made of them; its corrections are obeyed."""

from __future__ import annotations

import pandas as pd

from evaluation.analysis.programme import register_cells
from evaluation.errors import DataError
from evaluation.exhibit import Exhibit, cell_key
from evaluation.plan.study import Plan
from evaluation.programme import actions as action_times
from evaluation.programme import feedback as comments
from evaluation.results import Estimate
from evaluation.table_builder import Row, Tables

LONGEST = 160  # letters of an example
VERDICTS = ("agreed", "amended", "rejected", "pending")


def feedback(plan: Plan, wave: str, registers: register_cells.Registers) -> list[Exhibit]:
    """Return themes by question, what is wrong and what good looks like, the group's verdicts, channels, agreement."""
    rows, build = register_cells.read(plan, wave, registers, "feedback")
    if rows is None:
        return [
            register_cells.absent(plan, wave, "feedback.themes", "feedback"),
            register_cells.absent(plan, wave, "feedback.check", "feedback"),
        ]
    events = register_cells.register(plan, wave, registers, "events")
    actions = register_cells.register(plan, wave, registers, "actions")
    checked = comments.sense_check(rows)
    kept = rows[~rows["theme"].isin(checked.rejected_themes)]
    clean = kept[~(kept["sense_check"] == "rejected").fillna(False).to_numpy(dtype=bool)]
    exhibits = [
        _themes(plan, build, kept),
        _stances(plan, build, kept),
        register_cells.absent(plan, wave, "feedback.asked", "events")
        if events is None
        else _asked(plan, build, kept, events),
        _check(plan, build, len(rows), checked),
        _channels(plan, build, kept),
        _agreement(plan, build, rows),
        register_cells.absent(plan, wave, "feedback.communities", "events")
        if events is None
        else _communities(plan, build, clean, events),
        _kinds(plan, build, clean),
        _examples(plan, build, clean),
    ]
    if events is not None and "format" in events:
        exhibits.append(_formats(plan, build, clean, events))
    if actions is not None:
        exhibits.append(_trace(plan, build, clean, actions))
    return exhibits


def _words(plan: Plan, column: str) -> dict[str, str]:
    return register_cells.levels(plan, "feedback", column)


def _themes(plan: Plan, build: Tables, kept: pd.DataFrame) -> Exhibit:
    counts, questions = comments.themes(kept), _words(plan, "question")
    totals = counts.groupby("theme")["comments"].sum().sort_values(ascending=False)
    wide = counts.pivot_table(index="theme", columns="question", values="comments", aggfunc="sum", fill_value=0)
    wide = wide.reindex(index=totals.index, columns=[q for q in questions if q in set(counts["question"])])
    wide = wide.rename_axis(index="theme", columns="question")
    table, labels = build.table("feedback.themes"), _words(plan, "theme")
    return table.crosstab(wide, "n", labels=labels, headings=questions, totals="all", sums=True).exhibit()


def _examples(plan: Plan, build: Tables, clean: pd.DataFrame) -> Exhibit:
    """Return one redacted comment a theme: short, agreed by the checking group, of a theme with enough comments."""
    table, labels = build.table("feedback.examples"), _words(plan, "theme")
    if "text_redacted" not in clean:
        return table.exhibit()
    counts, agreed = clean["theme"].value_counts(), clean["sense_check"].isin(["agreed", "amended"]).fillna(False)
    told = clean[agreed & clean["text_redacted"].fillna("").astype(str).str.strip().ne("")]
    told = told[told["text_redacted"].astype(str).str.len() <= LONGEST]
    for theme, rows in told.groupby("theme", sort=False):
        if counts[theme] >= plan.disclosure.threshold:
            first = str(rows.sort_values("comment_id")["text_redacted"].iloc[0]).strip()
            table.row(str(theme), labels.get(str(theme), str(theme))).text("said", first)
    return table.exhibit()


def _stances(plan: Plan, build: Tables, kept: pd.DataFrame) -> Exhibit:
    """Return, by theme, comments on what is wrong and on what good looks like."""
    counts = comments.stances(kept)
    wide = counts.loc[
        counts.sum(axis=1).sort_values(ascending=False).index, [s for s in ("problem", "solution") if s in counts]
    ]
    wide = wide.rename_axis(index="theme", columns="stance")
    table = build.table("feedback.wrong_good")
    return table.crosstab(wide, "n", labels=_words(plan, "theme"), headings=_words(plan, "stance")).exhibit()


def _asked(plan: Plan, build: Tables, kept: pd.DataFrame, events: pd.DataFrame) -> Exhibit:
    """Return, by key question, at how many of the events where it was asked each theme came up."""
    where, questions, themes = comments.events_by_question(events), _words(plan, "question"), _words(plan, "theme")
    table = build.table("feedback.asked").head(questions)
    row = table.row("asked")
    for question in questions:
        if question in where:
            row.count(question, len(where[question]))
    for n in comments.themes(kept, events).itertuples(index=False):
        if n.asked:
            table.row(n.theme, themes.get(n.theme, n.theme)).count(n.question, n.events, theme=n.theme)
    return table.exhibit()


def _check(plan: Plan, build: Tables, n: int, checked: comments.SenseCheck) -> Exhibit:
    checker, labels = plan.words.checking_group, _words(plan, "sense_check")
    table = build.table("feedback.check")
    for verdict in VERDICTS:
        table.row(verdict, labels.get(verdict, verdict)).count("comments", getattr(checked, verdict))
    table.row("all").count("comments", n)
    table.sum(cell_key("comments", check="any"), [cell_key("comments", check=v) for v in VERDICTS])
    themes = _words(plan, "theme")
    if checked.rejected_themes:
        table.note("left_out", text=", ".join(themes.get(t, t) for t in checked.rejected_themes))
    else:
        table.note("none_left_out")
    state = "unchecked" if checked.verdicts == 0 else "pending" if checked.pending else "checked"
    return table.note(state, checkers=f"{checker[:1].upper()}{checker[1:]}").exhibit()


def _channels(plan: Plan, build: Tables, kept: pd.DataFrame) -> Exhibit:
    table, themes = build.table("feedback.channels"), _words(plan, "theme")
    for theme, n in comments.channels(kept).iterrows():
        only = "yes" if n["forms_only"] else "no"
        row = table.row(str(theme), themes.get(str(theme), str(theme)))
        row.cells({"forms": n["forms"], "aloud": n["aloud"], "forms_only": only})
    return table.exhibit()


def _agreement(plan: Plan, build: Tables, rows: pd.DataFrame) -> Exhibit:
    """Return Cohen's kappa of two coders, over all themes and theme by theme; a refusal where one coder coded."""
    both = rows[["theme", "theme_second"]].dropna() if "theme_second" in rows else pd.DataFrame()
    if len(both) < plan.disclosure.least_base:
        why = "fewer than the least number of comments were coded by two people"
        helps = "Have a second person code a sample of comments, blind to the first."
        return build.refused("feedback.kappa", register_cells.refusal(why, helps))
    table = build.table("feedback.kappa", recode_below=f"{comments.RECODE_BELOW:g}")
    _kappa(table.row("all"), both["theme"], both["theme_second"])
    for theme, label in _words(plan, "theme").items():
        first, second = both["theme"] == theme, both["theme_second"] == theme
        if min(int(first.sum()), int(second.sum())) >= plan.disclosure.threshold:
            _kappa(table.row(theme, label), first, second)
    return table.exhibit()


def _kappa(row: Row, first: pd.Series, second: pd.Series) -> None:
    """Add the agreement of two coders, where they leave any room to disagree."""
    try:
        k = comments.kappa(first, second)
    except DataError:
        return
    agreement = Estimate(
        k.value,
        se=k.se,
        low=k.low,
        high=k.high,
        unit="kappa",
        n={"comments": k.n},
        wave=row.table.wave,
        method="Cohen's kappa",
        se_method="Fleiss, Cohen and Everitt 1969",
        id=row.table.id(row.key, "kappa"),
    )
    row.estimate("kappa", agreement).text("recode", "yes" if k.recode else "no")


def _communities(plan: Plan, build: Tables, clean: pd.DataFrame, events: pd.DataFrame) -> Exhibit:
    """Return comments by theme and by the community in focus of the event, small cells hidden."""
    focus = events.set_index("event_id")["focus_community"].to_dict()
    known = clean.dropna(subset=["theme"])
    counts = pd.crosstab(known["theme"].astype(str), known["event_id"].map(focus).fillna("not stated").astype(str))
    groups = register_cells.levels(plan, "events", "focus_community")
    headings = {c: groups.get(str(c), "Not stated") for c in counts}
    table = build.table("feedback.communities")
    counts = counts.rename_axis(index="theme", columns="focus")
    return table.crosstab(counts, "n", labels=_words(plan, "theme"), headings=headings, sums=True).exhibit()


def _kinds(plan: Plan, build: Tables, clean: pd.DataFrame) -> Exhibit:
    """Return comments by kind, and how far one theme fills an event's comments."""
    table, stances = build.table("feedback.kinds"), _words(plan, "stance")
    for stance, label in stances.items():
        table.row(stance, label).count("comments", (clean["stance"] == stance).fillna(False).sum(), stance=stance)
    table.row("off_topic").count("comments", (clean["question"] == "off_topic").fillna(False).sum())
    largest = comments.largest_theme(clean)
    if len(largest):
        table.row("events").count("events", len(largest))
        table.row("median").share("share", largest.median())
        table.row("half").count("events", (largest >= 0.5).sum())
    if not clean[["theme", "stance"]].isna().any(axis=None):  # the sums that tie this table to those by theme
        themes = sorted(clean["theme"].astype(str).unique())
        for s in stances:
            table.sum(cell_key("comments", stance=s), [cell_key("comments", theme=t, stance=s) for t in themes])
    return table.exhibit()


def _formats(plan: Plan, build: Tables, clean: pd.DataFrame, events: pd.DataFrame) -> Exhibit:
    table, counts = build.table("feedback.formats"), clean.groupby("event_id").size()
    for code, label in register_cells.levels(plan, "events", "format").items():
        part = events[(events["format"] == code).fillna(False).to_numpy(dtype=bool)]
        if part.empty:
            continue
        public, forms = (int(part[c].astype("Float64").sum()) if c in part else 0 for c in ("n_public", "n_forms"))
        row = table.row(code, label)
        row.cells({"events": len(part), "comments": counts.reindex(part["event_id"]).fillna(0).sum()})
        if public:
            row.share("forms", forms / public, base=public)
    return table.exhibit()


def _trace(plan: Plan, build: Tables, clean: pd.DataFrame, actions: pd.DataFrame) -> Exhibit:
    """Return, by theme, lived experience and ideas told, actions raised on it, and actions done."""
    table = build.table("feedback.trace")
    for theme, label in _words(plan, "theme").items():
        here, own = clean[clean["theme"] == theme], actions[actions["theme"] == theme]
        if here.empty and own.empty:
            continue
        row = table.row(theme, label).cells({s: (here["stance"] == s).sum() for s in ("story", "solution")})
        row.cells({"actions": len(own), "done": own["status"].isin(action_times.DONE_STATUSES).sum()})
    return table.exhibit()
