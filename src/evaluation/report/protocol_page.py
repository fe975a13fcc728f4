"""The study's protocol from `study.toml` alone: what is asked of whom, compared how, and said with which words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from evaluation.analysis import answer_distributions, foretold, level_tables, sample_size
from evaluation.intake import plan_evidence, waves
from evaluation.plan import registration
from evaluation.plan.study import Plan
from evaluation.report import phrases, printing, tables
from evaluation.report.context import ReportContext, WaveWords
from evaluation.report.page_parts import UNSTATED, Block, Page, Section
from evaluation.report.protocol_estimation import CONTROLS, TOGETHER, UNPLANNED, estimation
from evaluation.verdict import MEANINGS

LICENCES = {
    "effect": "may be called an effect, where every condition of its design is met",
    "association": "went with: no cause is claimed",
    "exploratory": "hints: it was not planned, or rests on an assumption known to be doubtful",
    "descriptive": "describes",
}


def protocol(plan: Plan, wave: str, without_mock: str = "it was not asked for") -> Page:
    """Return the protocol of a wave as a page; `without_mock` says why no mock report stands beside it."""
    parts = [
        ("Questions", _questions(plan)),
        ("Who is asked, and whom answers speak for", _people(plan)),
        ("Comparisons", _comparisons(plan)),
        ("How it is worked out", estimation(plan)),
        ("What is foretold", _foretold(plan, wave)),
        ("Conditions", _conditions(plan)),
        ("Which words a result earns", _verdicts(plan)),
        ("Sizes that can be seen", _sizes(plan)),
        ("How easily it could be wrong", _sensitivity(plan)),
        ("Mock report", _mock(plan, without_mock)),
        ("Record", _record(plan, wave)),
    ]
    sections = tuple(Section(str(k), title, f"p{k}", tuple(blocks)) for k, (title, blocks) in enumerate(parts, 1))
    team = "" if plan.contact.team == UNSTATED else plan.contact.team
    lines = [f"Protocol for {wave}, made from the plan alone: no answer enters it.", team]
    return Page("annex", f"Protocol: {plan.study.title}", tuple(filter(None, lines)), sections)


def context(plan: Plan, wave: str) -> ReportContext:
    """Return what a page of the plan prints around it: a draft without results, dated by the wave."""
    import datetime as dt

    dates = waves.fieldwork(plan, wave) if (plan.root / "data_raw" / "waves" / wave / "wave.toml").is_file() else {}
    start, end = dates.get(wave, (None, None))
    return ReportContext(
        title=plan.study.title,
        plan=plan,
        wave=wave,
        date=start or dt.date.today(),
        waves=(WaveWords(wave, wave, start, end),),
        status="checked",
    )


def write(plan: Plan, wave: str, folder: Path, *, without_mock: str = "it was not asked for") -> list[Path]:
    """Write `protocol.html` and `protocol.pdf` into a folder, and return their paths.

    Raises
    ------
    CheckFailed
        Typst refuses the page.
    """
    from evaluation.report import html

    page, ctx = protocol(plan, wave, without_mock), context(plan, wave)
    folder.mkdir(parents=True, exist_ok=True)
    files = {"protocol.html": html.render(page, ctx).encode(), "protocol.pdf": printing.pdf("protocol", page, ctx)}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def _table(name: str, caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Block:
    return Block("html", tables.plain(header, rows, caption=caption, name=name), fixed=True)


def _words(plan: Plan, outcome: str) -> str:
    return plan.outcomes.short.get(outcome) or plan.label_of(outcome)


def _label(plan: Plan, column: str) -> str:
    """Return a column of a margin in words; its name where the plan and the codebook have none."""
    known = column in plan.derive or column in plan.codebook.names()
    return plan.label_of(column).lower() if known else column


def _questions(plan: Plan) -> Iterator[Block]:
    named = plan.outcomes
    families = [
        ("Primary", (named.primary,), named.primary_reason, "none: one outcome"),
        ("Secondary", named.secondary, named.secondary_reason, TOGETHER),
        ("Exploratory", named.exploratory, "", UNPLANNED),
        ("Controls", named.negative_controls, named.negative_controls_reason, CONTROLS),
    ]
    rows = [
        (family, phrases.listed([_words(plan, o) for o in outcomes]), reason or "–", rule)
        for family, outcomes, reason, rule in families
        if outcomes
    ]
    yield _table("p-outcomes", "Outcomes by family", ("Family", "Outcomes", "Why these", "Correction"), rows)
    sd, share = named.margin_sd, named.margin_share
    bars = [f"{sd:g} standard deviations of the first wave"] if sd else []
    bars += [f"{share:g} percentage points of a share"] if share else []
    yield Block("para", [f"Smallest difference worth noticing: {' or '.join(bars) or 'not stated'}."], fixed=True)


def _people(plan: Plan) -> Iterator[Block]:
    pop = plan.population
    yield Block("para", [f"Population: {pop.title}."], fixed=True)
    rows = [(e.step, e.reason) for e in plan.exclusions]
    if rows:
        yield _table("p-left", "Who is left out", ("Step", "Why"), rows)
    if not pop.margins:
        yield Block("para", ["Answers are not weighted to the population."])
        return
    margins = phrases.listed([" by ".join(_label(plan, c) for c in m.split("_")) for m in pop.margins])
    trim = f"weights are kept between {pop.trim_low:g} and {pop.trim_high:g} times their median"
    said = f"Answers are raked to {margins}; {trim}; cells under {pop.least_in_cell} people are joined."
    boost = "People who were sought out carry no population weight." if pop.boost_sources else ""
    yield Block("para", [s for s in (said, boost) if s], fixed=True)


def _comparisons(plan: Plan) -> Iterator[Block]:
    t, m = plan.treatment, plan.matching
    if t.column:
        caliper = f", within {m.caliper:g} standard deviations of the {m.caliper_scale}" if m.caliper else ""
        pair = f"{phrases.upper_first(plan.words.treated)} against {plan.words.untreated}"
        yield Block("para", [f"{pair}: nearest neighbours, {m.ratio} to 1{caliper}."], fixed=True)
        rows = [(plan.label_of(name), reason) for name, reason in plan.covariates.items()]
        yield _table("p-covariates", "What is controlled", ("Covariate", "Why it is fixed before attending"), rows)
    designs = [
        (
            f"{name} {d.title}",
            _words(plan, d.outcome),
            d.estimand,
            " and ".join(d.waves),
            LICENCES[d.licence],
            "yes" if d.planned else "no",
        )
        for name, d in plan.designs.items()
    ]
    if designs:
        header = ("Design", "Outcome", "What is estimated", "Waves", "May say at most", "Planned")
        yield _table("p-designs", "Designs of difference in differences", header, designs)
    lots = [
        (x.title, x.kind, x.reason, f"{100 * x.share:.0f} in 100 of each block", x.serves, x.public_number)
        for x in plan.lots.values()
    ]
    if lots:
        header = ("Lot", "Of", "Why", "Drawn", "Serves", "Waits for")
        yield _table("p-lots", "Lots", header, lots)


CONTRASTS = {
    "level": "what people say (a share, or a mean)",
    "answers": "the share of each answer",
    "gap": "difference between the groups in one wave",
    "change": "change since the first wave that asked",
    "attend": "people who took part against people alike who did not",
    "control": "the same on what the programme cannot move",
    "spec": "the planned comparison among all ways of making it",
    "d6": "effect of a lot",
}


def _foretold(plan: Plan, wave: str) -> Iterator[Block]:
    """Yield every result that may call itself planned, by contrast: what is not here explores."""
    told: dict[str, list[foretold.Foretold]] = {}
    for one in sorted(foretold.foretold(plan, wave, foretold.asked(plan, wave))):
        told.setdefault(one.contrast, []).append(one)
    names = {o.lower(): _words(plan, o) for o in plan.all_outcomes}
    rows = []
    for contrast, found in told.items():
        design = next((d.title for n, d in plan.designs.items() if n.lower() == contrast), "")
        what = CONTRASTS.get(contrast) or f"{contrast.upper()}: {design}"
        about = [names.get(o, o.replace("_", " ")) for o in dict.fromkeys(x.outcome for x in found)]
        groups, times = (list(dict.fromkeys(x[k] for x in found)) for k in (2, 3))
        cells = (phrases.listed([_group(plan, g) for g in groups]), phrases.listed([w.upper() for w in times]))
        rows.append((what, phrases.listed(about), *cells, str(len(found))))
    header = ("Result", "Outcomes", "Groups", "Waves", "How many")
    yield _table("p-foretold", "Results that will be called planned, and no others", header, rows)
    yield Block(
        "para",
        [
            "A result that is not in this table explores: its verb is “hints”. One that is in it and cannot be given "
            "stands in its place with the reason."
        ],
        fixed=True,
    )


def _group(plan: Plan, code: str) -> str:
    """Return a group of a result's id in words: everybody, a compared group, an answer of a question, a lot."""
    known = {c.lower(): who for _, c, who in level_tables.groups(plan) if c}
    fine, _ = answer_distributions.detailed(plan)
    known |= {g.id.lower(): g.row for g in fine} | {name.lower(): x.title for name, x in plan.lots.items()}
    return known.get(code, "everybody" if code == "all" else code)


def _conditions(plan: Plan) -> Iterator[Block]:
    """Yield the conditions (gates) with their bars, and what a result may not say where one is not met."""
    m, t, not_said = plan.matching, plan.treatment, "no answer"
    rows = []
    if t.column:
        rows += [
            ("People who took part and have somebody like them", f"at least {m.least_overlap:.0%}", not_said),
            ("People who took part and find no match", f"at most {m.most_unmatched:.0%}", "fragile"),
            (
                "Likeness after matching",
                "no worse than 90 in 100 draws by lot; over 99 in 100 fails",
                "fragile; no answer",
            ),
            ("Reached by a route that nobody else shares", f"at most {t.most_without_counterpart:.0%}", not_said),
            ("One other's share of the weight", f"at most {m.largest_control_share:.0%}", "fragile"),
        ]
    if plan.outcomes.negative_controls:
        rows.append(("What the programme cannot move", "does not differ, all together", "fragile"))
    rows += [
        ("Effective number of people", f"at least {plan.sizes.least_effective_n:g}", "fragile"),
        ("Ways of analysing with the planned sign", "at least 90%, the middle one at least half as large", "fragile"),
        ("Wording between waves", "the same; where it is not known the result explores", not_said),
    ]
    for lot in plan.lots.values():
        bars = f"at most {lot.most_crossovers:.0%} and {lot.most_attrition_gap:.0%}"
        rows.append((f"{lot.title}: dealt with otherwise than drawn, and gap in answering", bars, "no effect"))
    yield _table("p-gates", "Conditions, and what follows where one is not met", ("Condition", "Bar", "Else"), rows)


def _sizes(plan: Plan) -> Iterator[Block]:
    found = sample_size.foreseen(plan)
    header = ("People in each group", *(f"{n} a session" for n in found[0][1]))
    rows = [(f"{n}", *(f"{x:.0f} points" for x in by.values())) for n, by in found]
    caption = f"Difference of shares near one half that is found {10 * plan.power.power:.0f} times in 10"
    yield _table("p-seen", caption, header, rows)
    values = (
        f"{sample_size.CORRELATION:g} for how alike answers of one session are, {sample_size.WEIGHTING:g} for weights"
    )
    yield Block("para", [f"By planning values: {values}. No answer was looked at."], fixed=True)


def _mock(plan: Plan, why: str) -> Iterator[Block]:
    if why:
        yield Block("para", [f"None: {why}."], fixed=True)
        return
    within = "of their session" if plan.population.session_column else "of their wave"
    yield Block("links", [("mock/index.html", "Mock report on shuffled outcomes")], "screen", fixed=True)
    yield Block(
        "para",
        [
            f"The study's own notebooks ran on outcomes that people swapped with others {within}: whose answers are "
            "whose is chance, so no comparison of people who met in one session means anything. What whole sessions "
            "answered is not hidden: the level of a wave, its change, and what differs between groups that were met in "
            "different sessions stay nearly as they are. So the mock is made only once the plan is frozen."
        ],
        fixed=True,
    )


def _verdicts(plan: Plan) -> Iterator[Block]:
    yield Block("words", list(MEANINGS.items()))
    rows = [(name.replace("_", " "), f"{value:g}") for name, value in plan.sizes.model_dump().items()]
    yield _table("p-sizes", "Minimum sizes, unweighted", ("Bar", "At least"), rows)
    yield Block(
        "bullets",
        [
            "That the programme is the reason, unless a design with the licence of an effect meets every condition.",
            "That people changed their minds, where other people answered.",
            "That there is no difference, where a difference could not have been seen.",
        ],
        "What will not be said",
    )


def _sensitivity(plan: Plan) -> Iterator[Block]:
    s = plan.sensitivity
    subsets = [x.name for x in s.subsets]
    lines = [
        f"Other ways of analysing: {phrases.listed([a.replace('_', ' ') for a in s.specification_axes])}.",
        f"Gaps that nobody measured: {phrases.listed([f'{k:g}' for k in s.kappa_sd])} standard deviations.",
        f"News that moves one group only: {phrases.listed([f'{k:g}' for k in s.shocks_points])} percentage points.",
        *([f"The comparison again: {phrases.listed(subsets)}."] if subsets else []),
    ]
    yield Block("bullets", lines, fixed=True)


def _record(plan: Plan, wave: str) -> Iterator[Block]:
    frozen = registration.frozen_digest(plan, wave)
    registry = plan.contact.registry
    where = (
        "not recorded. A force cannot use the government's registry: register with OSF, or commit the frozen plan "
        "where others can see the day, and write it in [contact] registry"
        if registry == UNSTATED
        else registry.rstrip(".")
    )
    yield Block(
        "para",
        [
            f"Frozen: SHA-256 {frozen}, in plans/{wave}.toml."
            if frozen
            else "Not frozen yet: evaluation plan --freeze.",
            f"This page was made from the plan with digest {plan.digest()}.",
            f"Registry: {where}.",
        ],
        fixed=True,
    )
    if frozen:
        seen = [*plan_evidence.traces(plan, wave), *plan_evidence.commits(plan, wave)]
        words = {True: "fits", False: "speaks against it", None: "cannot tell"}
        header = ("What was found", "A plan frozen before answers were opened")
        yield _table("p-traces", "When it was frozen", header, [(t.says, words[t.holds]) for t in seen])
    later = [d.text() for d in registration.deviations(plan, wave)]
    yield Block("bullets", later or ["None."], "Version history: what changed since it was frozen", fixed=True)
