"""ROBINS-I V2's six domains: their signalling questions in own words, and the way from answers to a judgement.

Domains, numbers and the way to a judgement follow the tool's revised draft (riskofbias.info, November 2025), as an
implementation of it could be read. Where the draft has no answer for what is not known, the severe one is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

LOW, EXCEPT = "low", "low, except for concerns about uncontrolled confounding"
MODERATE, SERIOUS, CRITICAL = "moderate", "serious", "critical"
ORDER = (LOW, EXCEPT, MODERATE, SERIOUS, CRITICAL)
YES, NO = {"Y", "PY", "WY", "SY"}, {"N", "PN", "WN", "SN"}
FIRM_NO = {"N", "PN"}
UNMET = {"SN", "NI"}
Codes = Mapping[str, str]  # number of a question to its answer

TITLES = {
    "1A": "Confounding",
    "2": "Classification of who attended",
    "3": "Selection of people",
    "4": "Missing data",
    "5": "Measurement of the outcome",
    "6": "Selection of what is reported",
}
QUESTIONS: Mapping[str, Mapping[str, str]] = {
    "1A": {
        "B1": "Was anything done against confounding?",
        "B2": "If not, is there so much of it that nothing can be concluded?",
        "B3": "Was the way of measuring the outcome unfit?",
        "1.1": "Was everything that matters for attending and for the answer controlled?",
        "1.2": "Was it measured well?",
        "1.3": "Was anything controlled that attending could have changed?",
        "1.4": "Do negative controls or bounds show that much is left?",
    },
    "2": {
        "2.1": "Were people told apart when following them began?",
        "2.2": "If not, was nearly every outcome after they could be?",
        "2.3": "If not, does the analysis avoid the harm of it?",
        "2.4": "Could the outcome have influenced who counts as attending?",
        "2.5": "Are other errors likely?",
    },
    "3": {
        "3.1": "Does following people begin when they begin to attend?",
        "3.2": "Were early events of the outcome left out?",
        "3.3": "Were people selected by something later than attending?",
        "3.4": "Is that linked with attending?",
        "3.5": "Is it linked with the outcome?",
        "3.6": "Was it corrected for?",
        "3.7": "Do other analyses show that it matters little?",
        "3.8": "Is it too severe for any analysis?",
    },
    "4": {
        "4.1": "Is it known of nearly everybody whether they attended?",
        "4.2": "Is the outcome known of nearly everybody?",
        "4.3": "Is what was controlled known of nearly everybody?",
        "4.4": "Were only complete answers analysed?",
        "4.5": "Could being left out depend on the true answer?",
        "4.6": "Is that explained by what was controlled?",
        "4.7": "Were missing answers filled in?",
        "4.8": "Is it fair to fill them in from what is known?",
        "4.9": "Was it done well?",
        "4.10": "Was another way used, and is it fit?",
        "4.11": "Is there evidence that it moved nothing?",
    },
    "5": {
        "5.1": "Could the answer be taken otherwise in the two groups?",
        "5.2": "Did whoever gives the answer know who attended?",
        "5.3": "Could that have moved the answer?",
    },
    "6": {
        "6.1": "Was the result made by a plan fixed before the outcome was seen?",
        "6.2": "Was it picked from several outcomes?",
        "6.3": "Was it picked from several analyses?",
        "6.4": "Was it picked from several groups?",
    },
}


def judgement(domain: str, codes: Codes) -> str:
    """Return the judgement of a domain by the answers to its questions; one that is lacking is not applicable.

    Parameters
    ----------
    domain : str
        A key of `QUESTIONS`.
    codes : mapping
        Number of a question to Y, PY, PN, N, NI or NA; W and S before it for weak and strong.

    Returns
    -------
    str
        One of `ORDER`.
    """
    return RULES[domain]({n: codes.get(n, "NA") for n in QUESTIONS[domain]})


def _confounding(c: Codes) -> str:
    if c["B2"] in YES or c["B3"] in YES:
        return CRITICAL
    if c["1.1"] in UNMET or c["1.3"] in YES:
        return CRITICAL if c["1.4"] in YES else SERIOUS
    if c["1.2"] in UNMET:
        return SERIOUS
    return EXCEPT if c["1.4"] in NO else MODERATE


def _classification(c: Codes) -> str:
    apart = c["2.1"] in YES or c["2.2"] in YES
    errors = c["2.5"] not in NO
    if apart and c["2.4"] in NO:
        return MODERATE if errors else LOW
    if apart and c["2.4"] != "SY":
        return SERIOUS if errors else MODERATE
    if apart:
        return CRITICAL if errors else SERIOUS
    if c["2.3"] in NO:
        return SERIOUS if c["2.4"] in NO and not errors else CRITICAL
    if c["2.4"] in NO:
        return SERIOUS if errors else MODERATE
    return CRITICAL if errors else SERIOUS


def _selection(c: Codes) -> str:
    begun = LOW if c["3.1"] in YES and c["3.2"] in NO else MODERATE
    start = SERIOUS if c["3.1"] == "SN" else begun
    if c["3.3"] in NO or c["3.4"] in NO:
        later = LOW
    else:
        later = SERIOUS if c["3.3"] in YES and c["3.4"] in YES and c["3.5"] in YES else MODERATE
    worst = max(start, later, key=ORDER.index)
    if worst != SERIOUS:
        return worst
    if c["3.6"] in YES or c["3.7"] in YES:
        return MODERATE
    return CRITICAL if c["3.8"] in YES else SERIOUS


def _missing(c: Codes) -> str:
    shown = c["4.11"] in YES
    if all(c[n] in YES for n in ("4.1", "4.2", "4.3")):
        return LOW
    if c["4.4"] in YES:
        if c["4.5"] in NO:
            return LOW
        severe = c["4.6"] in {"SN", "NA"}
    elif c["4.7"] in YES:
        if c["4.8"] in YES and c["4.9"] in YES:
            return LOW
        severe = c["4.9"] == "SN"
    else:
        if c["4.10"] in YES:
            return LOW
        severe = c["4.10"] in {"SN", "NA"}
    if severe:
        return SERIOUS if shown else CRITICAL
    return MODERATE if shown else SERIOUS


def _measurement(c: Codes) -> str:
    if c["5.1"] in YES or c["5.3"] == "SY":
        return SERIOUS
    told = c["5.2"] not in FIRM_NO and c["5.3"] not in FIRM_NO
    return MODERATE if told or c["5.1"] not in NO else LOW


def _reporting(c: Codes) -> str:
    if c["6.1"] in YES:
        return LOW
    picked = [c[n] for n in ("6.2", "6.3", "6.4")]
    yes, unknown = sum(x in YES for x in picked), sum(x not in YES | NO for x in picked)
    if yes >= 2:
        return CRITICAL
    if yes or unknown == len(picked):
        return SERIOUS
    return MODERATE if unknown else LOW


RULES: Mapping[str, Callable[[Codes], str]] = {
    "1A": _confounding,
    "2": _classification,
    "3": _selection,
    "4": _missing,
    "5": _measurement,
    "6": _reporting,
}
