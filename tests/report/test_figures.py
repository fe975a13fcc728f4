"""Charts: every kind, hard labels, hidden cells, deterministic bytes, alt text from the same rows."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import report_study as study
from PIL import Image

from evaluation import disclosure
from evaluation.exhibit import Exhibit, Item, Measure
from evaluation.report import chart_rows, figures, lettering

EVERY = [e for e in [*study.main_answers("positive"), *study.charts(), *study.tables()] if e.chart]


def checked(exhibit):
    return disclosure.protect([exhibit], study.plan().disclosure).exhibits[0]


@pytest.fixture(scope="module")
def drawn():
    return {e.id: (checked(e), figures.draw(checked(e), stamp="SYNTHETIC DATA", date="4 July 2026")) for e in EVERY}


def test_each_kind_of_chart_is_drawn(drawn):
    assert {e.chart for e, _ in drawn.values()} == set(figures.DRAWERS)


def test_drawings_are_sound_small_and_hold_title_source_wave_date_and_stamp(drawn):
    for id, (_, figure) in drawn.items():
        for svg in (figure.svg, figure.narrow):
            words = "".join(ElementTree.fromstring(svg).itertext())
            flat = re.sub(r"\s+", "", words)
            assert re.sub(r"\s+", "", figure.finding) in flat, id
            assert "SYNTHETICDATA" in flat
            assert "Reportof4July2026" in flat
            assert "W2025" in flat
            assert len(svg) < 120_000, id
        assert figure.png.startswith(b"\x89PNG")


def test_narrow_drawings_are_narrow(drawn):
    for _, figure in drawn.values():
        widths = [float(ElementTree.fromstring(s).get("width").removesuffix("pt")) for s in (figure.svg, figure.narrow)]
        assert widths == [figures.WIDE, figures.NARROW]


def test_no_text_leaves_the_drawing(drawn):
    """Text is placed from the left or the right edge with an estimated width; none may start or end outside."""
    for id, (_, figure) in drawn.items():
        for svg, width in ((figure.svg, figures.WIDE), (figure.narrow, figures.NARROW)):
            for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
                place = text.get("transform") or ""
                found = re.search(r"translate\(([\d.-]+)", place)
                x = float(text.get("x") or (found[1] if found else 0))
                size = float(re.search(r"([\d.]+)px", text.get("style", "")).group(1))
                wide = 0.5 * size * len(text.text or "")
                anchor = re.search(r"text-anchor: ?(\w+)", text.get("style", ""))
                start = {"middle": x - wide / 2, "end": x - wide}.get(anchor[1] if anchor else "", x)
                assert start > -4, (id, text.text)
                assert start + wide < width + 4, (id, text.text)


def test_words_stand_at_the_same_place_in_the_drawing_and_in_the_picture(drawn):
    """Where the drawing has the stamp, in its own colour, the picture has ink of that colour, and nothing beside it."""
    for id, (_, figure) in drawn.items():
        picture = Image.open(io.BytesIO(figure.png)).convert("RGB")
        scale = picture.width / figures.WIDE
        stamp = next(t for t in ElementTree.fromstring(figure.svg).iter() if t.text == "SYNTHETIC DATA")
        x, y = float(stamp.get("x")), float(stamp.get("y"))
        size = float(re.search(r"font-size:([\d.]+)px", stamp.get("style"))[1])
        box = picture.crop([round(v * scale) for v in (x - 1, y - size, x + size * 10, y + 1)])
        pixels = np.asarray(box).reshape(-1, 3).astype(int)
        near = np.abs(pixels - (0x80, 0x16, 0x50)).sum(axis=1) < 60
        assert near.mean() > 0.05, id
        margin = np.asarray(picture.crop([0, 0, round(3 * scale), picture.height]))
        assert margin.min() > 250, id


def test_words_are_escaped_and_anchored():
    said = lettering.as_svg([(1.26, 2, "a < b & c", {"fontsize": 9, "color": "#1A1A1A", "ha": "right"})])
    assert said == '<text style="font-size:9px;text-anchor:end;fill:#1a1a1a" x="1.3" y="2">a &lt; b &amp; c</text>'


def test_alt_text_states_the_finding_and_the_numbers_and_is_not_the_title(drawn):
    for exhibit, figure in drawn.values():
        assert figure.alt.startswith(figure.finding)
        assert figure.alt != exhibit.title
        first = next(exhibit.cells[r, c] for r in exhibit.rows for c in exhibit.columns if (r, c) in exhibit.cells)
        assert first.text in figure.alt


def test_table_and_drawing_come_from_the_same_rows(drawn):
    for exhibit, figure in drawn.values():
        assert [r[-1] for r in figure.rows] == [
            exhibit.cells[r, c].id for r in exhibit.rows for c in exhibit.columns if (r, c) in exhibit.cells
        ]


def test_the_same_exhibit_gives_the_same_bytes():
    exhibit = checked(EVERY[0])
    assert figures.draw(exhibit, stamp="x") == figures.draw(exhibit, stamp="x")


def test_drawing_leaves_the_settings_of_matplotlib_as_they_were():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    figures.draw(checked(EVERY[0]))
    assert dict(mpl.rcParams) == before


def test_one_verdict_makes_the_headline():
    exhibit = checked(next(e for e in EVERY if e.id == "gap.all"))
    assert figures.draw(exhibit).finding == "Black and all other respondents: lower"


def test_no_headline_counts_verdicts_and_each_has_ten_words_at_most():
    for exhibit in EVERY:
        drawn = figures.draw(checked(exhibit), png=False) if exhibit.chart else None
        if drawn is not None and len(exhibit.title) < 80:
            assert len(drawn.finding.split()) <= 10, drawn.finding
            assert not re.search(r"\bin \d+ of \d+\b", drawn.finding)


def test_a_headline_has_a_verdict_only_where_one_contrast_stands_behind_it():
    one = study.grid(
        "x.one", "Confidence", [("a", "b", study.contrast("gap.conf_overall.black.w2025", 0.5, 0.2))], "", "forest"
    )
    assert figures.draw(checked(one), png=False).finding == "Confidence: higher"
    two = next(e for e in EVERY if e.id == "designs.forest")
    assert figures.draw(checked(two), png=False).finding == two.title


def test_a_balance_chart_headlines_what_matching_left():
    love = next(e for e in EVERY if e.id == "design.balance")
    said = figures.draw(checked(love), png=False).finding
    assert said == "Largest difference left after matching: 0.07 standard deviations"


def test_ordered_answers_take_one_hue_and_every_part_is_labelled_or_listed():
    names = ("Strongly disagree", "Disagree", "Neither", "Agree", "Strongly agree", "Does not know")
    shares = (32.0, 25.0, 27.0, 12.0, 2.0, 2.0)
    cells = [
        ("Group", n, Measure(f"a.{k}", v, "per cent", base=90, decimals=0))
        for k, (n, v) in enumerate(zip(names, shares, strict=True))
    ]
    made = study.grid("answers", "Answers", cells, "", "stacked", extras={"ordered": 5})
    words = re.sub(r"\s+", " ", " ".join(ElementTree.fromstring(figures.draw(checked(made), png=False).svg).itertext()))
    for name, share in zip(names, shares, strict=True):
        assert f"{share:.0f}%" in words
        assert name in words
    assert "Strongly agree 2%" in words
    drawn = figures.draw(checked(made), png=False).svg.decode().lower()
    assert all(c.lower() in drawn for c in chart_rows.HUE)


def test_nothing_to_draw_is_no_chart():
    few = study.count("n.few", 3, arm=1)
    assert figures.draw(checked(Exhibit("few", "Few", (Item("a", "b", few),), chart="bars"))) is None
    assert figures.draw(checked(Exhibit("none", "None", (Item("a", "b", few),)))) is None


def test_a_hidden_cell_keeps_its_place_and_says_so():
    cells = [
        ("LPACT only", "People", study.count("n.one", 41, arm=1)),
        ("Both", "People", study.count("n.two", 3, arm=2)),
    ]
    words = "".join(
        ElementTree.fromstring(figures.draw(checked(study.grid("arms", "Arms", cells, "", "bars"))).svg).itertext()
    )
    assert "Both" in words
    assert "few" in words


def test_an_unknown_chart_is_refused_by_name():
    odd = Exhibit("odd", "Odd", (Item("a", "b", Measure("m.odd", 1.0)),), chart="pie")
    with pytest.raises(ValueError, match="'pie'"):
        figures.draw(checked(odd))


def test_a_dollar_sign_is_text():
    odd = study.grid(
        "odd", "Costs in $ and $ again", [("$5 to $9", "Pounds", Measure("m.cost", 3.0, "pounds"))], "", "bars"
    )
    assert "$5 to $9" in "".join(ElementTree.fromstring(figures.draw(checked(odd)).svg).itertext())
