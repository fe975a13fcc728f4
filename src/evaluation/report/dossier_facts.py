"""What the dossier may say of a study: words computed from the plan, the gates, the manifest and the results."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from evaluation.analysis import risk_of_bias
from evaluation.disclosure import CheckedRow
from evaluation.report import caveats, phrases
from evaluation.report import sentences as say
from evaluation.report.context import ReportContext
from evaluation.report.page_parts import UNSTATED, PageInputs
from evaluation.report.practice_bank_pages import maryland

Facts = dict[str, str | None]  # None: not known, so that what asks for it is not done


def facts(inputs: PageInputs) -> Facts:
    """Return every fact by name."""
    ctx = inputs.ctx
    return {**_about_study(ctx), **_about_survey(ctx), **_about_comparison(ctx), **_about_record(ctx)}


def _about_study(ctx: ReportContext) -> Facts:
    plan, words = ctx.plan, ctx.words
    named = plan.outcomes
    return {
        "title": ctx.title,
        "programme_description": " ".join(words.programme_description.split()) or None,
        "place": words.place,
        "primary": ctx.short(named.primary),
        "outcomes": phrases.listed([ctx.short(o) for o in plan.all_outcomes]),
        "margin": f"{named.margin_sd:g} standard deviations" if named.margin_sd else f"{named.margin_share:g} points",
        "groups": phrases.listed([ctx.group_words(g) for g in (ctx.focus, ctx.comparison) if g]),
        "lots": f"{len(plan.lots)} drawn by lot" if plan.lots else "nothing was drawn by lot",
        "registers": phrases.listed([r.replace("_", " ") for r in plan.programme.registers]) or "none",
    }


def _about_survey(ctx: ReportContext) -> Facts:
    plan = ctx.plan
    dates = [f"{w.label} ({w.fieldwork()})" for w in ctx.waves]
    return {
        "wave": ctx.wave,
        "waves": phrases.listed([w.id for w in ctx.waves]),
        "waves_dates": "; ".join(dates),
        "wave_dates": ctx.wave_words(ctx.wave).fieldwork(),
        "population": plan.population.title,
        "linkage": "by a code that people make themselves" if plan.treatment.link_column else "none",
    }


def _about_comparison(ctx: ReportContext) -> Facts:
    plan, words, m = ctx.plan, ctx.words, ctx.plan.matching
    covariates = [_label(ctx, c) for c in plan.covariates]
    caliper = f", within {m.caliper:g} standard deviations of the {m.caliper_scale}" if m.caliper else ""
    known = bool(plan.treatment.column)
    return {
        "treated": words.treated if known else None,
        "untreated": words.untreated if known else None,
        "attended_question": words.attended_question if known else None,
        "covariates": phrases.listed(covariates) if known and covariates else None,
        "matching": f"nearest neighbours, {m.ratio} to 1{caliper}" if known else None,
    }


def _label(ctx: ReportContext, column: str) -> str:
    """Return a column in words; its name where nothing labels it."""
    try:
        return ctx.plan.label_of(column).lower()
    except (KeyError, ValueError, AttributeError):
        return column.replace("_", " ")


def _about_record(ctx: ReportContext) -> Facts:
    frozen = str(ctx.manifest.get("Plan frozen", "not frozen"))
    contact = ctx.contact
    return {
        "registration": _registration(ctx, frozen),
        "foretold": ctx.planned_said,
        "deviations": str(len(ctx.deviations)) if ctx.deviations else "none",
        "code": str(ctx.manifest.get("Code", "not recorded")),
        "seed": str(ctx.plan.seed),
        "funded_by": None if contact.funded_by == UNSTATED else contact.funded_by,
        "checked_by": None if contact.checked_by == UNSTATED else contact.checked_by,
    }


BEFORE = {
    True: "Answers were not in by then.",
    False: "This does not show that answers were unopened by then.",
    None: "Whether answers were in by then was not written down.",
}


def _registration(ctx: ReportContext, frozen: str) -> str:
    """Return whether, when and where the plan was fixed, and what shows that it was before answers were opened."""
    registry = ctx.contact.registry
    where = "No registry is named." if registry == UNSTATED else f"Registry: {registry.rstrip('.')}."
    if frozen == "not frozen":
        return f"The plan was not frozen. {where}"
    traces = " ".join(ctx.plan_traces)
    return f"A plan was frozen (digest {frozen}, in plans/{ctx.wave}.toml). {traces} {BEFORE[ctx.fixed_before]} {where}"


def sentences(inputs: PageInputs, name: str) -> list[str]:
    """Return sentences of the report that answer an item, their numbers marked with result ids."""
    rows, ctx = inputs.rows, inputs.ctx
    known: dict[str, Callable[[], Iterable[str]]] = {
        "attendees": lambda: _of(say.attendee_contrast(rows, ctx)),
        "change": lambda: _of(say.primary(rows, ctx)),
        "designs": lambda: [s for line in say.designs(rows, ctx) for s in line.sentences],
        "caveats": lambda: caveats.cannot_say(rows, ctx),
        "numbers": lambda: caveats.how_sure(rows, ctx),
        "maryland": lambda: maryland(inputs),
    }
    return list(known[name]())


def _of(line: say.Line | None) -> Iterable[str]:
    return line.sentences if line else ()


# ---- risk of bias ---------------------------------------------------------------------------------------------------


ELSEWHERE = ("designs", "disclosure", "exposure", "lots", "power", "programme")  # tables that this comparison reads not


def bias_facts(inputs: PageInputs) -> risk_of_bias.Facts | None:
    """Return what the run knows of the attendee comparison; None where none was made."""
    ctx, rows = inputs.ctx, inputs.rows
    main = rows.get("attend", ctx.plan.outcomes.primary, "all", ctx.wave)
    if main is None or main.kind != "estimate":
        return None
    gates = {g.id: g.passed for g in (*ctx.gates, *main.gates)}
    if any(_apart(rows.get("attend", c, "all", ctx.wave)) for c in ctx.plan.outcomes.negative_controls):
        gates["attend.controls"] = False  # one that differs by itself is enough for the severe answer
    alone = rows.get("attend", ctx.plan.outcomes.primary, "all", ctx.wave, "general-sample-only")
    fields = [d.split(":")[0] for d in ctx.deviations]
    drifts = [x for x in fields if x.split(".")[0] not in ELSEWHERE]
    imputed = rows.get("missing", ctx.plan.outcomes.primary, "all", ctx.wave, "imputed")
    return risk_of_bias.Facts(
        gates=gates,
        controls_asked=bool(ctx.plan.outcomes.negative_controls),
        covariates=bool(ctx.plan.covariates),
        late_covariates=_late(ctx),
        lists=bool(ctx.plan.population.boost_sources),
        lists_apart=_apart(main) and _apart(alone) and _same_side(main, alone) is True,
        missing_outcome=_missing_share(inputs),
        imputed_same_side=_same_side(main, imputed),
        near_officer=_near_officer(inputs),
        routes_alone=_value(ctx, "attend.routes"),
        frozen=str(ctx.manifest.get("Plan frozen", "not frozen")) != "not frozen",
        fixed_before=ctx.fixed_before,
        deviations=drifts,
        planned=bool(main.planned),
    )


def _value(ctx: ReportContext, gate: str) -> float | None:
    """Return the number that a gate saw; None where it was not made."""
    found = next((g.value for g in ctx.gates if g.id == gate), None)
    return float(found) if isinstance(found, int | float) else None


def _late(ctx: ReportContext) -> tuple[str, ...]:
    """Return covariates whose role in the codebook is not one that is fixed before anybody could attend."""
    book, plan = ctx.plan.codebook, ctx.plan
    if book is None:
        return ()
    sources = {c: plan.derive[c].source if c in plan.derive else c for c in plan.covariates}
    return tuple(_label(ctx, c) for c, s in sources.items() if s in book.names() and book.role(s) != "design")


def _missing_share(inputs: PageInputs) -> float | None:
    """Return the share of the general sample whose primary outcome is missing, from the published counts."""
    ctx = inputs.ctx
    everybody = inputs.rows.get("base", "general", "all", ctx.wave)
    answered = inputs.rows.get("base", "answered", "all", ctx.wave)
    if not everybody or not answered or not everybody.value or answered.value is None:
        return None
    return max(0.0, 1 - answered.value / everybody.value)


def _apart(row: CheckedRow | None) -> bool:
    """Return whether the whole range of a contrast lies on one side of no difference."""
    return row is not None and row.low is not None and row.high is not None and row.low * row.high > 0


def _near_officer(inputs: PageInputs) -> float | None:
    """Return the largest share of a group who answered to or near an officer; None where it is not known."""
    found = [r for r in inputs.rows.starting("collection.officer.") if r.shown and r.value is not None]
    shares = [float(r.value or 0.0) / 100 for r in found if r.id.endswith(f".{inputs.ctx.wave.lower()}")]
    return max(shares, default=None)


def _same_side(main: CheckedRow, other: CheckedRow | None) -> bool | None:
    if other is None or other.value is None or main.value is None:
        return None
    return main.value * other.value >= 0
