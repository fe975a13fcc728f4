"""The shipped population figures: every margin adds up to the same people, whichever way they are cut."""

from pathlib import Path

import pandas as pd
import pytest

MARGINS = pd.read_csv(Path(__file__).parents[2] / "data_raw/population/margins.csv")
GROUPS = {"black": 27_958, "asian": 172_212, "white": 679_287, "mixed": 16_502, "other": 16_780}


def cells(name):
    table = MARGINS[MARGINS["margin"] == name]
    parts = table["cell"].str.split("|", expand=True)
    return parts.assign(people=table["population"].to_numpy())


@pytest.mark.parametrize("name", sorted(MARGINS["margin"].unique()))
def test_each_margin_has_the_census_total_of_residents_16_and_over(name):
    assert cells(name)["people"].sum() == 912_739  # Census 2021, exact age-band table


@pytest.mark.parametrize("name", ["ethnic5_area2", "ethnic5_age5", "ethnic5_sex"])
def test_each_group_is_the_same_number_of_people_in_each_margin(name):
    assert cells(name).groupby(0)["people"].sum().to_dict() == GROUPS


def test_city_age_and_sex_agree_between_margins():
    area = cells("ethnic5_area2").groupby(1)["people"].sum()["city"]
    assert area == cells("area3").set_index(0)["people"]["leicester"]
    for name, place in (("ethnic5_age5", 0), ("ethnic5_sex", 1)):
        joint = cells(name).groupby(1)["people"].sum()
        assert joint.to_dict() == cells("age5_sex").groupby(place)["people"].sum().to_dict()


def test_every_figure_names_its_source():
    assert MARGINS["source"].str.contains("Census 2021").all()
