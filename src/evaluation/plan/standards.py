"""Lists of ethnic groups by version: what each offers, and whether a question's answers follow the one it names."""

from __future__ import annotations

from collections.abc import Iterable

LISTED_2021 = (
    "asian_bangladeshi",
    "asian_chinese",
    "asian_indian",
    "asian_pakistani",
    "asian_other",
    "black_african",
    "black_caribbean",
    "black_other",
    "mixed_white_asian",
    "mixed_white_black_african",
    "mixed_white_black_caribbean",
    "mixed_other",
    "white_british",
    "white_gypsy_traveller",
    "white_irish",
    "white_roma",
    "white_other",
    "other_arab",
    "other_any",
)
LISTS: dict[str, tuple[str, ...]] = {
    "2011": tuple(code for code in LISTED_2021 if code != "white_roma"),
    "2021": LISTED_2021,
    "next": (),  # not published: a study that uses it writes its own codes
}
VERSIONS = tuple(LISTS)


def strangers(codes: Iterable[str], version: str) -> list[str]:
    """Return the codes of a question that a version of the list does not offer, nor as the first word of one it does.

    Parameters
    ----------
    codes : iterable of str
        Codes of the question's answers.
    version : str
        One of `VERSIONS`.

    Returns
    -------
    list of str
        In order; none for a list that is not published.
    """
    listed = LISTS[version]
    known = {*listed, *(code.partition("_")[0] for code in listed)}
    return [str(c) for c in codes if listed and str(c) not in known]
