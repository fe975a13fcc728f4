"""Charts: every kind, hard labels, hidden cells, deterministic bytes, alt text from the same rows."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import report_study as study
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from evaluation import disclosure
from evaluation.exhibit import Exhibit, Item, Measure
from evaluation.report import chart_shares, figures, sheet

EVERY = [e for e in [*study.main_answers("positive"), *study.charts(), *study.tables()] if e.chart]


def checked(exhibit):
    return disclosure.protect([exhibit], study.plan().disclosure).exhibits[0]


@pytest.fixture(scope="module")
def drawn():
    return {e.id: (checked(e), figures.draw(checked(e), stamp="SYNTHETIC DATA", date="4 July 2026")) for e in EVERY}


def test_each_kind_of_chart_is_drawn(drawn):
    assert {e.chart for e, _ in drawn.values()} == set(figures.DRAWERS)


def words_of(svg):
    return re.sub(r"\s+", "", "".join(ElementTree.fromstring(svg).itertext()))


def test_drawings_are_sound_and_small_and_hold_the_stamp(drawn):
    for id, (_, figure) in drawn.items():
        for svg in (figure.svg, figure.wide, figure.narrow):
            assert "SYNTHETICDATA" in words_of(svg), id
            assert len(svg) < 150_000, id


def test_the_drawing_to_copy_holds_title_source_wave_and_date(drawn):
    for id, (_, figure) in drawn.items():
        said = words_of(figure.svg)
        assert re.sub(r"\s+", "", figure.finding) in said, id
        assert "Reportof4July2026" in said
        assert "W2025" in said


def size_of(svg):
    root = ElementTree.fromstring(svg)
    return [float(root.get(k).removesuffix("pt")) for k in ("width", "height")], root.get("viewBox").split()


def test_drawings_are_as_wide_as_said_in_whole_points(drawn):
    for _, figure in drawn.values():
        for svg, wide in ((figure.svg, sheet.WIDE), (figure.wide, sheet.WIDE), (figure.narrow, sheet.NARROW)):
            (across, tall), box = size_of(svg)
            assert across == wide
            assert tall == int(tall) == float(box[3])


def test_the_drawing_of_a_page_is_a_window_on_the_one_to_copy_between_title_and_foot(drawn):
    for _, figure in drawn.values():
        (_, whole), (_, tall) = size_of(figure.svg)[0], size_of(figure.wide)[0]
        top = int(size_of(figure.wide)[1][1])
        below = [y for y, said in heights(figure.svg) if said.startswith(("Source", "Wave"))]
        above = [y for y, said in heights(figure.svg) if figure.finding.startswith(said)]
        assert 0 < top < top + tall < whole
        assert min(below) > top + tall
        assert min(above) < top


def heights(svg):
    """Return the height of each text of a drawing, and what it says."""
    for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        place = re.search(r"translate\(\S+ ([\d.-]+)", text.get("transform") or "")
        yield float(place[1] if place else text.get("y")), text.text


def boxes(figure):
    """Return what a drawing says, with the box of each text as matplotlib draws it."""
    from matplotlib.backends.backend_svg import RendererSVG
    from matplotlib.text import Text

    figure.set_dpi(72)
    renderer = RendererSVG(*figure.bbox.size, io.StringIO())
    figure.draw(renderer)
    axes = [(ax, axis) for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    out = [t for ax, axis in axes for t in axis.get_major_ticks() if not (ax.axison and inside(axis, t.get_loc()))]
    hidden = [label for tick in out for label in (tick.label1, tick.label2)]
    said = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip() and t not in hidden]
    return [(t.get_text(), t.get_window_extent(renderer)) for t in said]


def inside(axis, place):
    low, high = sorted(axis.get_view_interval())
    return low <= place <= high


def collisions(exhibit, across):
    """Return the pairs of texts that meet, and the texts that leave the drawing."""
    with figures._style("x"):
        one = sheet.Sheet(exhibit, across, "SYNTHETIC DATA")
        figures.DRAWERS[exhibit.chart](one)
        one.svg("A title of a chart, of ten words and no more", ["A foot"])
        said = boxes(one.figure)
    met = [(a, b) for k, (a, p) in enumerate(said) for b, q in said[:k] if overlap(p, q)]
    return met, [a for a, p in said if p.x0 < -1 or p.x1 > across + 1]


def overlap(p, q):
    """Return whether two boxes share more than a point each way."""
    return min(p.x1, q.x1) - max(p.x0, q.x0) > 1 and min(p.y1, q.y1) - max(p.y0, q.y0) > 1


@pytest.mark.parametrize("across", [sheet.WIDE, sheet.NARROW])
@pytest.mark.parametrize("exhibit", EVERY, ids=lambda e: e.id)
def test_no_words_meet_and_none_leave_the_drawing(exhibit, across):
    shown = figures.grouped(checked(exhibit))
    if figures.has_marks(shown):
        assert collisions(shown, across) == ([], [])


LABELS = st.text("abcdefgWMil .,-$_^{}", min_size=1, max_size=90).filter(str.strip)


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.sampled_from(["bars", "dots", "forest", "love", "stacked", "lines", "strip", "overlap"]), st.data())
def test_no_words_meet_whatever_the_labels(chart, data):
    rows = data.draw(st.lists(LABELS, min_size=1, max_size=5, unique_by=str.strip))
    columns = data.draw(
        st.lists(LABELS.map(lambda t: t[:40]).filter(str.strip), min_size=2, max_size=3, unique_by=str.strip)
    )
    least = 0 if chart in ("overlap", "strip") else -50
    values = data.draw(st.lists(st.floats(least, 50, allow_subnormal=False), min_size=15, max_size=15))
    cells = [
        (r, c, Measure(f"a.{i}.{j}", values[3 * i + j], "SD"))
        for i, r in enumerate(rows)
        for j, c in enumerate(columns)
    ]
    shown = checked(study.grid("any", "Any", cells, "", chart))
    for across in (sheet.WIDE, sheet.NARROW):
        assert collisions(shown, across) == ([], [])


def test_a_text_on_another_is_seen():
    one = sheet.Sheet(checked(EVERY[0]), sheet.WIDE)
    one.put("Words that stand here")
    one.put("and words on them", down=3)
    one.svg()
    (_, p), (_, q) = boxes(one.figure)
    assert overlap(p, q)


def test_words_stand_at_the_same_place_in_the_drawing_and_in_the_picture(drawn):
    """Where the drawing has the stamp, in its own colour, the picture has ink of that colour, and nothing beside it."""
    pictures = figures.pictures({id: figure.svg for id, (_, figure) in drawn.items()})
    for id, (_, figure) in drawn.items():
        assert pictures[id].startswith(b"\x89PNG")
        picture = Image.open(io.BytesIO(pictures[id])).convert("RGB")
        (across, tall), _ = size_of(figure.svg)
        assert picture.size == (2 * across, 2 * tall)
        y = next(y for y, said in heights(figure.svg) if said == "SYNTHETIC DATA")
        box = picture.crop([2 * round(v) for v in (sheet.MARGIN - 1, y - 7, sheet.MARGIN + 70, y + 1)])
        pixels = np.asarray(box).reshape(-1, 3).astype(int)
        near = np.abs(pixels - (0x80, 0x16, 0x50)).sum(axis=1) < 60
        assert near.mean() > 0.05, id
        margin = np.asarray(picture.crop([0, 0, 6, picture.height]))
        assert margin.min() > 250, id


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
        drawn = figures.draw(checked(exhibit)) if exhibit.chart else None
        if drawn is not None and len(exhibit.title) < 80:
            assert len(drawn.finding.split()) <= 10, drawn.finding
            assert not re.search(r"\bin \d+ of \d+\b", drawn.finding)


def test_a_headline_has_a_verdict_only_where_one_contrast_stands_behind_it():
    one = study.grid(
        "x.one", "Confidence", [("a", "b", study.contrast("gap.conf_overall.black.w2025", 0.5, 0.2))], "", "forest"
    )
    assert figures.draw(checked(one)).finding == "Confidence: higher"
    two = next(e for e in EVERY if e.id == "designs.forest")
    assert figures.draw(checked(two)).finding == two.title


def test_a_balance_chart_headlines_what_matching_left():
    love = next(e for e in EVERY if e.id == "design.balance")
    said = figures.draw(checked(love)).finding
    assert said == "Largest difference left after matching: 0.07 standard deviations"


def test_ordered_answers_take_one_hue_and_every_part_is_labelled_or_listed():
    names = ("Strongly disagree", "Disagree", "Neither", "Agree", "Strongly agree", "Does not know")
    shares = (32.0, 25.0, 27.0, 12.0, 2.0, 2.0)
    cells = [
        ("Group", n, Measure(f"a.{k}", v, "per cent", base=90, decimals=0))
        for k, (n, v) in enumerate(zip(names, shares, strict=True))
    ]
    made = study.grid("answers", "Answers", cells, "", "stacked", extras={"ordered": 5})
    words = re.sub(r"\s+", " ", " ".join(ElementTree.fromstring(figures.draw(checked(made)).svg).itertext()))
    for name, share in zip(names, shares, strict=True):
        assert f"{share:.0f}%" in words
        assert name in words
    assert "Strongly agree 2%" in words
    drawn = figures.draw(checked(made)).svg.decode().lower()
    assert all(c.lower() in drawn for c in chart_shares.HUE)


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


# ---- bytes ------------------------------------------------------------------------------------------------------

MAKE = """
import hashlib, sys
{first}
sys.path[:0] = sys.argv[1:]
import test_figures as t
every = {{e.id: f for e in t.EVERY if (f := t.figures.draw(t.checked(e), stamp="DRAFT", date="4 July 2026"))}}
made = [b for f in every.values() for b in (f.svg, f.wide, f.narrow)]
made += t.figures.pictures({{id: f.svg for id, f in every.items()}}).values()
print(len(made), hashlib.sha256(b"".join(made)).hexdigest())
"""
RC = """
savefig.bbox: tight
savefig.transparent: True
savefig.facecolor: yellow
savefig.dpi: 37
figure.dpi: 53
figure.constrained_layout.use: True
font.family: serif
font.size: 21
font.sans-serif: Liberation Sans
text.color: red
text.parse_math: True
svg.fonttype: path
svg.hashsalt: other
svg.id: other
path.sketch: 2, 50, 4
path.simplify: True
lines.linewidth: 9
lines.markersize: 19
patch.linewidth: 5
patch.force_edgecolor: True
hatch.color: red
scatter.edgecolors: red
errorbar.capsize: 9
legend.frameon: True
legend.fontsize: 30
axes.grid: True
axes.unicode_minus: False
axes.formatter.use_locale: True
axes.formatter.limits: 0, 0
axes.xmargin: 0.4
xtick.direction: in
xtick.top: True
xtick.minor.visible: True
ytick.labelsize: 30
"""


@pytest.fixture(scope="module")
def hash_of(tmp_path_factory):
    """Return a function that draws every chart in a Python of its own and returns their hash."""
    home = tmp_path_factory.mktemp("home")
    here = [str(Path(__file__).parent), str(Path(study.__file__).parent)]

    def made(first="", folder=home, **env):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("MPL", "MATPLOTLIB", "LC_", "LANG"))}
        words = [sys.executable, "-c", MAKE.format(first=first), *here]
        settings = {**clean, "MPLCONFIGDIR": str(home), **env}
        done = subprocess.run(words, env=settings, cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout

    return made


@pytest.fixture(scope="module")
def plain(hash_of):
    return hash_of()


@pytest.mark.slow
@pytest.mark.parametrize("place", ["working folder", "MPLCONFIGDIR", "MATPLOTLIBRC", "home"])
def test_a_matplotlibrc_of_the_user_changes_no_byte(hash_of, plain, place, tmp_path):
    (tmp_path / ".config" / "matplotlib").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / ".config" / "matplotlib"):
        (folder / "matplotlibrc").write_text(RC, "utf-8")
    given = {
        "working folder": {"folder": tmp_path},
        "MPLCONFIGDIR": {"MPLCONFIGDIR": str(tmp_path)},
        "MATPLOTLIBRC": {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc")},
        "home": {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / ".config"), "MPLCONFIGDIR": ""},
    }[place]
    seen = "import matplotlib; assert matplotlib.rcParams['savefig.bbox'] == 'tight'"  # else the test tests nothing
    assert hash_of(seen, **given) == plain


@pytest.mark.slow
@pytest.mark.parametrize(
    "first",
    [
        "import matplotlib.pyplot as p; p.style.use('dark_background'); p.style.use('ggplot')",
        "import matplotlib.pyplot as p; p.xkcd()",
        "import seaborn as s; s.set_theme(context='poster', style='darkgrid', palette='bright', font='serif')",
        "import matplotlib as m; m.rcParams.update({'savefig.bbox': 'tight', 'svg.fonttype': 'path'})",
    ],
)
def test_a_style_set_at_the_start_changes_no_byte(hash_of, plain, first):
    assert hash_of(first) == plain


@pytest.mark.slow
@pytest.mark.parametrize(
    "env",
    [
        {"MPLBACKEND": "svg"},
        {"MPLBACKEND": "pdf", "TZ": "Pacific/Kiritimati", "SOURCE_DATE_EPOCH": "1"},
        {"LC_ALL": "C", "LANG": "de_DE.UTF-8", "PYTHONUTF8": "0"},
        {"HOME": "/nowhere", "XDG_CONFIG_HOME": "/nowhere", "XDG_CACHE_HOME": "/nowhere"},
        {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "RAYON_NUM_THREADS": "1", "TYPST_FONT_PATHS": "/usr"},
    ],
    ids=str,
)
def test_the_environment_changes_no_byte(hash_of, plain, env):
    assert hash_of(**env) == plain
