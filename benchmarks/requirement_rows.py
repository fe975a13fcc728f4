"""The requirements on the programme and what surrounds it: which published results show each, and what each needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evaluation.results import NotIdentified, TooFew


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement.

    Attributes
    ----------
    id, tags, what : str
        Its number in the requirements, the capabilities it belongs to, its words.
    shown : tuple of str
        Beginnings of result ids: it works where one of them was published as a figure or as words.
    needs : tuple of str
        What a register must hold, "table.column=level|level", "table.column~word" or "table.column": refused without.
    out : str
        Why it is out of scope; then nothing else counts.
    """

    id: str
    tags: str
    what: str
    shown: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    out: str = ""


TAGS = {
    "E1": "Events, participation, cost",
    "E2": "Feedback and sense-check",
    "E3": "Actions",
    "E4": "Advisory groups and co-production",
    "E5": "Stop and search",
    "E6": "Recording of victims' ethnic group",
    "E7": "Recruitment and representation",
    "E8": "Hate-crime reporting and information",
    "E9": "External surveys and published figures",
    "E10": "Accountability indicators",
    "E11": "History and initiatives",
}
STAFF = "no survey of the workforce exists"
CLAIM = "nothing is claimed of other initiatives: no outcome data"


INITIATIVES = {
    "R048": "I01",
    "R002": "I02",
    "R185": "I03",
    "R183": "I04",
    "R184": "I05",
    "R140": "I06",
    "R143": "I07",
    "R162": "I08",
    "R160": "I09",
    "R163": "I10",
    "R167": "I11",
    "R168": "I12",
    "R182": "I13",
    "R201": "I14",
    "R202": "I15",
    "R203": "I16",
    "R206": "I17",
    "R207": "I18",
    "R208": "I19",
    "R209": "I20",
    "R210": "I21",
    "R211": "I22",
    "R212": "I23",
    "R213": "I24",
    "R214": "I25",
    "R216": "I26",
    "R217": "I27",
    "R218": "I28",
    "R219": "I29",
    "R220": "I30",
    "R221": "I31",
    "R223": "I32",
    "R224a": "I33",
    "R224b": "I34",
    "R224c": "I35",
    "R225": "I36",
    "R226": "I37",
    "R227": "I38",
    "R228": "I39",
    "R229": "I40",
    "R230": "I41",
    "R231": "I42",
    "R232": "I43",
    "R233a": "I44",
    "R233b": "I45",
    "R233c": "I46",
    "R234": "I47",
    "R235": "I48",
    "R236": "I49",
}


def _initiatives(*ids: str) -> tuple[Row, ...]:
    """Return the rows that are one entry of the register of initiatives each."""
    return tuple(
        Row(i, "E11", "Initiative registered, nothing claimed", (f"initiatives.{INITIATIVES.get(i, i).lower()}",))
        for i in ids
    )


ROWS: tuple[Row, ...] = (
    Row("R002", "E4", "Advisory groups apart from the programme's events", ("n.arm", "iag.held")),
    Row("R003", "E5", "Ratio of search rates with area, period, comparator, bounds", ("stops.ratio.bound",)),
    Row("R004", "E8", "Share of hate crimes reported to the police", ("reporting.hate",)),
    Row("R005", "E11", "Outside events dated beside fieldwork", ("history.",), ("history.start",)),
    Row("R006", "E10", "Disparities beside trust, in no single score", ("stops.ratio", "recording.", "recruitment.")),
    Row("R008", "E4", "Advice given, adopted, declined with a reason; members", ("iag.adopted", "iag.explained")),
    Row("R009", "E4", "Depth of participation before and after the revised model", ("iag.shift.depth",)),
    Row("R010", "E2", "What is wrong beside what good looks like", ("feedback.stance",)),
    Row("R012", "E4 E10", "Panels chaired, and agendas set, by the community", ("iag.chaired", "iag.agenda")),
    Row("R013", "E3", "Raised, answered, reported back; days to a response", ("actions.told", "actions.median")),
    Row("R015", "E3", "Actions and owners, not only gaps", ("actions.list",)),
    Row("R017", "E4", "What changed with the revised model", ("iag.shift",)),
    Row("R018", "E2 E3", "From a lived experience to a theme to an action", ("trace.",), ("feedback.stance=story",)),
    Row("R019", "E4", "Members for each member of the police", ("iag.members",)),
    Row(
        "R021",
        "E8",
        "Sharing of intelligence",
        out="security and named people; willingness to report is asked instead, of nobody in particular",
    ),
    Row("R022", "E4", "Before and after the model, exact on few meetings", ("iag.shift", "iag.chance")),
    Row("R023", "E3", "Share of actions raised by each source", ("actions.from",)),
    Row("R024", "E10", "Indicators with formula, base, target, owner", ("indicators.i",)),
    Row("R025", "E5 E10", "Change of gaps, not only levels", ("stops.change", "recruitment.change", "change.")),
    Row("R028", "E9", "Figures not seen at their source say so", ("context.",), ("context_figures.verified",)),
    Row(
        "R029",
        "E3",
        "Recommendations raised elsewhere",
        ("actions.from.",),
        ("actions.raised_source=pcc|inspection|other",),
    ),
    Row("R034", "E11", "Start date of the programme, or that it is not known", ("history.",), ("events.event_date",)),
    Row("R037", "E1 E2", "Reach: attendances, and forms for each", ("events.attendances", "events.forms")),
    Row("R039", "E3", "Share of decisions that began with the community", ("actions.from",)),
    Row("R040", "E1", "Outreach contacts made", ("events.funnel_outreach",)),
    Row("R041", "E1", "Repeat attendance; months between first and last", ("events.repeat",)),
    Row("R043", "E2", "Police debrief themes against those checked", ("feedback.",), ("feedback.channel=debrief",)),
    Row("R044", "E3", "Actions by status, days to first response", ("actions.status", "actions.within.answered")),
    Row("R045", "E1", "Lay observation offered and taken up", ("events.observation",)),
    Row("R047", "E2", "Comments on respect, protect, involve, represent", ("feedback.theme",)),
    Row("R048", "E1", "Events by the community in focus, small ones hidden", ("feedback.community", "events.focus")),
    Row("R049", "E1", "Who came against whom it was for", ("events.focus", "events.slips")),
    Row("R050", "E1", "Attendances are not people; dose", ("events.people_least", "events.repeat")),
    Row("R051", "E1", "Chief officers and departments present", ("events.fidelity.chief",)),
    Row("R052", "E1", "Mean, median, range and number of events", ("events.mean", "events.median", "events.largest")),
    Row("R053", "E4", "Checking group's members are not attendees", ("n.arm",)),
    Row("R054", "E2", "Comments confirmed, amended, rejected", ("feedback.check",)),
    Row("R055", "E4", "Where the checking group meets", ("iag.station",), ("iag_meetings.police_venue",)),
    Row("R056", "E1", "Wards and residents within reach", ("events.reach", "events.residents")),
    Row("R057", "E1", "Interval between events, areas never reached", ("events.between", "events.reach")),
    Row("R058", "E1", "From contact to attendance", ("events.funnel_outreach",)),
    Row("R059", "E1", "Awareness before attendance", ("heard.", "n.heard")),
    Row("R060", "E1", "Planned and actual hours", ("events.overrun",)),
    Row("R061", "E1", "Version of the agenda", ("events.agenda",), ("events.agenda_version",)),
    Row("R062", "E2", "Four question codes fixed across events", ("feedback.asked",)),
    Row("R063", "E1", "A member of the community led", ("events.fidelity.community",)),
    Row("R064", "E2", "Solutions by theme", ("feedback.stance",)),
    Row("R065", "E1 E2", "Forms and comments by format of the discussion", ("feedback.format",), ("events.format",)),
    Row("R066", "E2", "Raised at so many of the events where asked", ("feedback.came_up",)),
    Row("R067", "E2", "Two coders: kappa with its interval", ("feedback.kappa",)),
    Row("R068", "E2", "Voices heard on forms only", ("feedback.forms_only",)),
    Row("R069", "E1", "Contact details left: the rate only", ("events.funnel_optin",)),
    Row("R070", "E1", "Staying on to network", out="talk after an event is not recorded, and is not to be"),
    Row("R071", "E1", "Debriefs held", ("events.fidelity.debrief",)),
    Row("R072", "E2", "Coding frame and theme frequency", ("feedback.theme",)),
    Row("R073", "E2", "What the checking group changed", ("feedback.check.amended", "feedback.check.rejected")),
    Row("R074", "E3", "Days to reporting back", ("actions.told", "actions.within")),
    Row("R075", "E3", "Refusals explained", ("actions.explained",)),
    Row("R076", "E1", "Custody visits", ("events.observation",)),
    Row("R077", "E3", "Attendees who had an update", ("updated.",)),
    Row("R078", "E1", "Hire, catering, other apart; cost of an attendance", ("costs.hire", "costs.attend")),
    Row("R079", "E1", "Officers at events; police-heavy events", ("events.heavy", "costs.officer_attend")),
    Row("R080", "E1", "Organiser's hours", ("costs.organising",)),
    Row("R081", "E1", "Set-up hours", ("costs.setup",)),
    Row("R089", "E2", "Theme by community, small cells hidden", ("feedback.community",)),
    Row("R091", "E3", "Actions done before the interview", ("actions.status.done",)),
    Row("R093", "E3", "Themes passed to a department", ("actions.list",)),
    Row("R095", "E5", "Fairness as people see it", ("level.trust_fair", "stops.ratio")),
    Row("R096", "E1", "Outreach visits", ("events.funnel_outreach",)),
    Row("R097", "E1", "Places that can be reached", ("events.reach",)),
    Row("R098", "E1", "Events by age group", ("events.slips.age",)),
    Row("R099", "E2", "Off-topic comments and stories are data", ("feedback.story", "feedback.theme")),
    Row("R100", "E2", "No final report before the check", ("feedback.check",)),
    Row("R101", "E1", "Police-heavy events flagged", ("events.heavy",)),
    Row("R102", "E1", "Reach of the events", ("events.reach",)),
    Row("R103", "E1", "Overrun", ("events.overran",)),
    Row("R105", "E2", "Vocal people: forms beside notes", ("feedback.aloud", "feedback.forms")),
    Row("R106", "E1", "Details known for so many attendances", ("events.coverage",)),
    Row("R107", "E2", "One topic taking an event over", ("feedback.largest",)),
    Row("R108", "E1", "Bounds on the people reached", ("events.people_least", "events.people_most")),
    Row("R109", "E1 E4", "Whether members of the checking group are paid", ("iag.paid",), ("iag_meetings.paid",)),
    Row(
        "R130",
        "E3 E11",
        "Inspection as an outside event and a source of actions",
        ("history.",),
        ("history.what~inspect",),
    ),
    Row("R132", "E6", "Victims without a recorded group, by reason", ("recording.",)),
    Row("R133", "E6", "Blank, officer's “not stated”, victim declined: apart", ("recording.declined_victim",)),
    Row("R134", "E6", "Change of count and of share, or base not supplied", ("recording.change", "context.")),
    Row("R135", "E9", "Inspection grades as context only", ("context.",), ("context_figures.claim~grade",)),
    Row("R136", "E6 E10", "Series with control limits", ("recording.limit",)),
    Row(
        "R137",
        "E5",
        "Three bases of ethnic group; refusals with an officer's code",
        ("stops.ratio.self_then_officer", "stops.refusals_coded"),
    ),
    Row("R138", "E5", "Share not stated and its bounds", ("stops.not_stated", "stops.ratio.bound")),
    Row("R139", "E5", "Similar forces", ("stops.",), ("stop_search.similar_forces",)),
    Row("R140", "E11", "Training as a co-intervention", ("initiatives.i06",)),
    Row("R141", "E11", "Operating model of March 2020", ("history.",), ("history.what~operating model",)),
    Row("R142", "E5", "Dip samples with exact intervals", ("stops.dip",)),
    Row("R143", "E11", "Training on unconscious bias", ("initiatives.i07",)),
    Row("R144", "E5 E10", "Raised only outside expected variation", ("stops.change", "recording.state")),
    Row("R145", "E7", "Recruitment and retention by year", ("recruitment.goal",), ("recruitment.stage=left",)),
    Row("R146", "E7", "Women among recruits: count, share, points", ("recruitment.",), ("recruitment.group_type=sex",)),
    Row("R147", "E7", "Group as recorded: count, share, points", ("recruitment.change_count",)),
    Row(
        "R148",
        "E7",
        "Five characteristics with those not known",
        ("recruitment.n_unknown",),
        ("recruitment.group_type=sex|disability|sexual_orientation|socio_economic",),
    ),
    Row("R149", "E7", "Missing years stay missing", ("recruitment.n_total",)),
    Row("R150", "E10", "One page for the board", ("indicators.",), ("indicators.reported_to",)),
    Row("R151", "E7", "Share of recruits over share of residents", ("recruitment.parity",)),
    Row(
        "R152", "E9", "Quality-of-service surveys", ("context.survey",), ("external_surveys.survey=quality_of_service",)
    ),
    Row("R154", "E9", "The commissioner's consultation", ("context.",), ("context_figures.claim~consultation",)),
    Row(
        "R155",
        "E9",
        "Second consultation, where its wording matches",
        ("context.survey",),
        ("external_surveys.survey=pcc_consult_2",),
    ),
    Row("R156", "E2", "Summaries of other focus groups", ("feedback.",), ("feedback.channel=focus_group",)),
    Row("R157", "E9", "Comparison gated by wording", ("context.survey01.match",)),
    Row("R160", "E11", "Staff networks", ("initiatives.i09",)),
    Row("R161", "E10", "Meetings with network chairs", needs=("indicators.aim~network",)),
    Row("R162", "E11", "Full-day training on equality", ("initiatives.i08",)),
    Row("R163", "E10 E11", "Equality scheme", ("initiatives.i10",)),
    Row("R165", "E3", "Owner of each action", ("actions.list",), ("actions.owner_department",)),
    Row("R167", "E11", "Equality supporters", ("initiatives.i11",)),
    Row("R168", "E11", "Chaplaincy", ("initiatives.i12",)),
    Row("R169", "E10", "Owner and promise of each indicator", ("indicators.",), ("indicators.owner",)),
    Row("R170", "E10", "Outputs apart from outcomes", ("indicators.i01.kind",)),
    Row(
        "R180",
        "E7",
        "Not less than one in four: exact, unknowns best and worst",
        ("recruitment.goal", "recruitment.worst", "recruitment.best"),
    ),
    Row("R181", "E7", "Black recruits apart, without a target", ("recruitment.",), ("recruitment.group~Black",)),
    Row("R182", "E11", "Stakeholder of the commitment", ("initiatives.i13",)),
    Row("R183", "E7", "Paid graduate posts filled", ("recruitment.",), ("recruitment.role=intern",)),
    Row("R184", "E7", "Bursaries awarded", needs=("recruitment.role=bursary",)),
    Row(
        "R185",
        "E3 E4",
        "Challenges raised and answered",
        ("actions.from.challenger",),
        ("actions.raised_source=challenger",),
    ),
    Row("R186", "E10", "Partners who signed", needs=("indicators.aim~partner",)),
    Row("R187", "E10", "Force management statement", needs=("indicators.aim~management statement",)),
    Row("R188", "E10", "Publications on time", needs=("indicators.aim~publication",)),
    Row("R189", "E4", "Scrutiny with the Community Challengers", ("iag.",), ("iag_meetings.iag_name=challengers",)),
    Row("R190", "E2 E3", "Ideas on representation, and those taken up", ("feedback.stance", "trace.")),
    Row("R191", "E1", "Lay observation by role", ("events.observation",)),
    Row("R192", "E3", "Being listened to", ("actions.told", "level.trust_listen")),
    Row("R195", "E7", "From applying to joining, by group", ("recruitment.stage",)),
    Row("R196", "E10", "Positive action adopted by partners", needs=("indicators.aim~positive action",)),
    Row("R197", "E10", "Progress report on agendas", needs=("indicators.aim~progress report",)),
    Row("R198", "E11", "Culture change", out=STAFF),
    Row("R199", "E3 E10", "Actions that began with a community idea", ("actions.from",)),
    Row("R200", "E4 E10", "Panels with Black members", ("iag.mix",), ("iag_meetings.n_black",)),
    *_initiatives("R201", "R202", "R203"),
    Row("R204", "E4 E10", "Depth in words: inform, consult, involve, decide together", ("iag.depth",)),
    *_initiatives("R206", "R207", "R208"),
    Row("R209", "E9 E11", "Alert platform registered; its survey only with its caveat", ("initiatives.i20",)),
    *_initiatives("R210", "R211", "R212", "R213", "R214"),
    Row("R215", "E11", "Listed is not endorsed", ("initiatives.",)),
    Row("R216", "E4 E11", "Informing, consulting, co-creating as rungs", ("initiatives.i26", "iag.depth")),
    Row("R217", "E5 E11", "Youth scrutiny panel", ("initiatives.i27",)),
    *_initiatives("R218", "R219", "R220", "R221"),
    Row("R222", "E9", "Items with wording and source", ("wording.",)),
    Row("R223", "E9 E11", "Local surveys elsewhere", ("initiatives.i32",)),
    *_initiatives("R224"),
    Row("R225", "E4 E11", "More than one panel to a force", ("initiatives.i36", "iag.held")),
    *_initiatives("R226", "R227", "R228", "R229", "R230"),
    Row("R231", "E5 E8 E11", "Stops and reporting in a short update", ("initiatives.i42", "stops.ratio")),
    *_initiatives("R232", "R233", "R234", "R235", "R236"),
    Row("R237", "E11", "Page furniture of scraped text", out="the study reads registers, not scraped pages"),
)


WORKS, REFUSED, OUT = "works", "refused", "out of scope"
MOST = 3  # exhibits named for one row


def state_of(
    row: Row, results: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], places: Mapping[str, str]
) -> tuple[str, str]:
    """Return (state, the exhibits that show it or why none does) of one requirement; `places` is result to exhibit."""
    if row.out:
        return OUT, row.out
    lacks = [why for need in row.needs if (why := lacking(need, tables))]
    if lacks:
        return REFUSED, "; ".join(lacks)
    own = [r for id, r in results.items() if id.startswith(row.shown)] if row.shown else []
    good = [r for r in own if not isinstance(r, NotIdentified | TooFew)]
    if good:
        return WORKS, _shown(row, results, places)
    if not own:
        return REFUSED, "nothing of this kind was published in this run"
    first = own[0]
    return REFUSED, first.reason if isinstance(first, NotIdentified) else "too few to report"


def _shown(row: Row, results: Mapping[str, Any], places: Mapping[str, str]) -> str:
    """Return the exhibits in which what the row names was published: where a reader finds it."""
    found = [
        places[i]
        for start in row.shown
        for i, r in results.items()
        if i.startswith(start) and not isinstance(r, NotIdentified | TooFew)
    ]
    return "; ".join(list(dict.fromkeys(found))[:MOST])


def lacking(need: str, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return what a register does not hold of a need, in words; an empty string where it holds it."""
    table, _, rest = need.partition(".")
    column, sign, wanted = next(
        ((c, s, w) for s in ("=", "~") for c, found, w in (rest.partition(s),) if found), (rest, "", "")
    )
    name = f"the register of {table.replace('_', ' ')}"
    frame = tables.get(table)
    if frame is None:
        return f"{name} was not supplied"
    readable = column.replace("_", " ")
    if column not in frame or frame[column].isna().all():
        return f"{name} does not hold: {readable}"
    texts = frame[column].dropna().astype(str)
    if sign == "=" and not texts.isin(wanted.split("|")).any():
        return f"{name} has no row with {readable}: {wanted.replace('|', ', ').replace('_', ' ')}"
    if sign == "~" and not texts.str.contains(wanted, case=False, regex=False).any():
        return f"{name} has no row about: {wanted}"
    return ""
