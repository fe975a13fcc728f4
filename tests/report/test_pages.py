"""The written report: complete, deterministic, traced, accessible, honest about what is absent."""

from __future__ import annotations

import csv
import io
import re

import pytest
import report_study as study

from evaluation import disclosure
from evaluation.errors import CheckFailed
from evaluation.exhibit import Exhibit, Item
from evaluation.report import checks, html, pages, phrases, sentences, too_small

KINDS = ("positive", "negative", "null", "unsure", "small")
PAGES = ("index.html", "annex.html", "sense-check.html", "practice-bank.html", "dossier.html")


def checked(exhibits):
    return disclosure.protect(exhibits, study.plan().disclosure)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Each kind of study, written once."""
    folders = {}
    for kind in KINDS:
        folders[kind] = tmp_path_factory.mktemp(kind)
        every = study.exhibits(kind) if kind == "positive" else study.main_answers(kind) + study.tables()
        html.write_report(checked(every), study.context(), folders[kind], pdf=False)
    return folders


def text_of(folder, page="index.html"):
    return checks.text((folder / page).read_text("utf-8"))


def section(folder, number, page="index.html"):
    whole = (folder / page).read_text("utf-8")
    return re.search(rf'<section id="s{number}".*?</section>', whole, re.S).group()


def test_every_page_table_and_chart_is_there(written):
    folder = written["positive"]
    for name in (*PAGES, "results.csv", "results.xlsx", "sense-check-return.csv"):
        assert (folder / name).stat().st_size > 80, name
    charts = [e.id for e in study.exhibits() if e.chart]
    assert {e.chart for e in study.exhibits() if e.chart} == {
        "bars",
        "stacked",
        "dots",
        "forest",
        "strip",
        "love",
        "overlap",
        "curve",
        "timeline",
        "steps",
        "lines",
        "panels",
    }
    for id in charts:
        for kind in ("svg", "png", "csv"):
            assert (folder / "figures" / f"{id}.{kind}").is_file(), f"{id}.{kind}"


def test_the_same_results_give_the_same_bytes(written, tmp_path):
    html.write_report(checked(study.exhibits()), study.context(), tmp_path, pdf=False)
    for path in sorted(written["positive"].rglob("*")):
        if path.is_file():
            assert (tmp_path / path.relative_to(written["positive"])).read_bytes() == path.read_bytes(), path.name


def test_the_policy_report_has_its_fifteen_sections_in_order(written):
    for kind, folder in written.items():
        whole = (folder / "index.html").read_text("utf-8")
        found = re.findall(r'<h2 id="s\d+-h">(\d+) ([^<]+)</h2>', whole)
        titles = too_small.TITLES if kind == "small" else pages.POLICY
        assert found == [(str(k), t) for k, t in enumerate(titles, 1)]


@pytest.mark.parametrize("kind", KINDS)
def test_pages_keep_the_phrasing_rules(written, kind):
    for page in PAGES:
        source = (written[kind] / page).read_text("utf-8")
        breaches = list(html.phrase_faults(source, study.context(), annex=page in ("annex.html", "dossier.html")))
        assert not breaches, [str(b) for b in breaches]


@pytest.mark.parametrize("kind", KINDS)
def test_sentences_of_the_first_pages_are_short(written, kind):
    for number in (1, 2):
        breaches = phrases.too_long(checks.text(section(written[kind], number)))
        assert not breaches, [str(b) for b in breaches]


def test_positive_and_negative_results_have_the_same_place_and_pattern(written):
    up, down = (checks.text(section(written[k], 1)).splitlines() for k in ("positive", "negative"))
    assert len(up) == len(down)
    strip = re.compile(r"higher|lower|Higher|Lower|[\d.]+")
    for start in ("Among Black respondents, confidence in the police was", "Higher. Black", "Lower. Black"):
        assert any(line.startswith(start) for line in (*up, *down))
    change_up, change_down = (next(x for x in page if ". Black respondents, 2025" in x) for page in (up, down))
    assert strip.sub("", change_up) == strip.sub("", change_down)
    assert [strip.sub("", x) for x in up[:2]] == [strip.sub("", x) for x in down[:2]]


def test_a_null_and_an_uncertain_study_say_so_in_the_same_place(written):
    null, unsure = (checks.text(section(written[k], 1)) for k in ("null", "unsure"))
    assert "Little or no difference. Black respondents, 2025 against 2022: most likely 0.02" in null
    assert "Too uncertain to say. Black respondents, 2025 against 2022: most likely 0.10 of a point higher" in unsure
    assert "from 0.30 lower to 0.50 higher" in unsure


def test_a_study_too_small_says_so_and_prints_no_number_for_it(written):
    brief = checks.text(section(written["small"], 1))
    assert "We cannot say whether confidence in the police among Black respondents changed" in brief
    assert not re.search(r"\d+ ?(%|points)", brief.split("The last survey")[0])


def test_every_printed_number_traces_to_a_result(written):
    for kind, folder in written.items():
        made = checked(study.exhibits(kind) if kind == "positive" else study.main_answers(kind) + study.tables())
        rows = {r.id: r for r in sentences.Rows(made).all()}
        for page in PAGES:
            whole = (folder / page).read_text("utf-8")
            assert checks.untraced(whole, rows) == []
            assert set(re.findall(r'data-result="([^"]+)"', whole)) <= set(rows)


def test_a_number_typed_by_hand_or_changed_is_caught(written):
    whole = (written["positive"] / "index.html").read_text("utf-8")
    rows = {r.id: r for r in sentences.Rows(checked(study.exhibits())).all()}
    by_hand = whole.replace("</main>", "<p>About 73 people said so.</p></main>")
    assert checks.untraced(by_hand, rows) == ["73 (p): no result id"]
    first = re.search(r'data-result="(level[^"]+)">', whole)
    changed = whole.replace(first.group(), first.group() + "99", 1)
    assert any("not a number of" in f for f in checks.untraced(changed, rows))
    unknown = whole.replace(first.group(), 'data-result="level.made.up.w2025">', 1)
    assert any("not in the results" in f for f in checks.untraced(unknown, rows))


def test_results_csv_holds_each_result_once(written):
    rows = list(csv.DictReader(io.StringIO((written["positive"] / "results.csv").read_text("utf-8"))))
    every = [i.result.id for e in study.exhibits() for i in e.items]
    assert sorted(r["id"] for r in rows) == sorted(every)
    assert {r["synthetic"] for r in rows} == {"yes"}
    assert not any(v[:1] in "=@\t" for r in rows for v in r.values() if v)


def test_small_counts_never_reach_any_file(written):
    rows = list(csv.DictReader(io.StringIO((written["positive"] / "results.csv").read_text("utf-8"))))
    hidden = next(r for r in rows if r["id"] == "n.arms.1")
    assert "4" not in (hidden.get("n"), hidden.get("value"), hidden.get("text"))
    assert re.search(
        r'data-result="n.arms.1"[^>]*>too few to report', (written["positive"] / "index.html").read_text("utf-8")
    )


def test_markup_in_a_label_is_text(written):
    whole = (written["positive"] / "annex.html").read_text("utf-8")
    assert "<script" not in whole
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; =cmd()" in whole


def test_pages_are_sound_and_self_contained(written):
    for folder in written.values():
        for page in PAGES:
            whole = (folder / page).read_text("utf-8")
            assert checks.accessibility(whole) == []
            assert not re.search(r'(?:src|srcset)="(?!data:)', whole)
        assert (folder / "index.html").stat().st_size < 1_000_000


def test_every_link_inside_the_report_leads_somewhere(written):
    folder = written["positive"]
    for page in PAGES:
        for link in re.findall(r'href="([^"#]+)"', (folder / page).read_text("utf-8")):
            assert link == "../index.html" or (folder / link).is_file(), link


def test_every_page_and_drawing_is_stamped(written):
    folder = written["positive"]
    for page in PAGES:
        assert "SYNTHETIC DATA · DRAFT" in (folder / page).read_text("utf-8")
    for svg in (folder / "figures").glob("*.svg"):
        assert "SYNTHETIC DATA · DRAFT" in svg.read_text("utf-8")


def test_a_checked_report_of_real_data_carries_no_stamp(tmp_path):
    context = study.context(synthetic=False, status="checked", draft_reasons=())
    html.write_report(checked(study.main_answers("null")), context, tmp_path, pdf=False)
    whole = (tmp_path / "index.html").read_text("utf-8")
    assert "SYNTHETIC" not in whole
    assert "DRAFT" not in whole
    assert "Checked by the community focus group on 2026-06-20; 1 corrections made." in whole


def test_corrections_stand_beside_the_themes_unaltered(written):
    assert "It is about respect, not numbers." in section(written["positive"], 9)


def test_with_nothing_published_each_section_says_what_is_absent(tmp_path):
    context = study.context(absent={"policy-9": "The feedback register of this wave has not arrived."})
    html.write_report(checked([]), context, tmp_path, pdf=False)
    whole = text_of(tmp_path)
    for number in range(3, 13):
        if number != 9:
            assert pages.ABSENT[number] in whole
    assert "The feedback register of this wave has not arrived." in whole
    assert "This survey alone cannot say whether answers changed" in whole
    assert "People who attended may have differed before they came" in whole


def test_only_what_disclosure_made_is_laid_out():
    from evaluation.report import figures, tables

    raw = study.exhibits()[0]
    for take in (figures.draw, tables.of, sentences.Rows):
        with pytest.raises(TypeError, match="disclosure"):
            take(raw)


def test_a_contrast_without_interval_fails_the_build(tmp_path):
    from dataclasses import replace

    bare = replace(study.contrast("gap.conf_overall.black.w2025", -0.3, 0.2), low=None, high=None, verdict="")
    with pytest.raises(CheckFailed, match="interval"):
        html.write_report(
            checked([Exhibit("gap.all", "Gap", (Item("a", "b", bare),), ("policy-5",))]), study.context(), tmp_path
        )
    assert not list(tmp_path.iterdir())


def test_the_index_lists_reports_and_what_changed(tmp_path):
    import json

    for name, wave, verdict in (
        ("2025-01-05_W2024", "w2024", "too uncertain to say"),
        ("2026-07-04_W2025", "w2025", "lower"),
    ):
        (tmp_path / name).mkdir()
        manifest = {
            "wave": wave.upper(),
            "date": name[:10],
            "status": "draft",
            "headline": "Verdict: <b>x</b>.",
            "synthetic": wave == "w2024",
        }
        (tmp_path / name / "manifest.json").write_text(json.dumps(manifest))
        (tmp_path / name / "results.csv").write_text(f"id,verdict\nchange.a.b.{wave},{verdict}\n")
    whole = html.write_index(tmp_path).read_text("utf-8")
    assert whole.index("2026-07-04_W2025") < whole.index("2025-01-05_W2024/")
    assert "Was “too uncertain to say”; is “lower”." in whole
    assert "&lt;b&gt;x&lt;/b&gt;" in whole
    assert whole.count("draft; synthetic data") == 1
    assert checks.accessibility(whole) == []


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (('<html lang="en-GB">', "<html>"), "names no language"),
        (('scope="col"', ""), "header without scope"),
        (("<caption", "<p"), "without a caption"),
        (('alt="', 'alt="" data-was="'), "without a real alt text"),
        (("</main>", "<script>1</script></main>"), "active content"),
        (("</main>", '<img alt="A finding in more than twenty letters" src="https://x.org/a.png"></main>'), "outside"),
        (('<h2 id="s1-h">', '<h4 id="s1-h">'), "follows one of level"),
        (('id="s2"', 'id="s1"'), "stands twice"),
    ],
)
def test_the_static_check_sees_each_fault(written, harm, fault):
    whole = (written["positive"] / "index.html").read_text("utf-8")
    assert harm[0] in whole
    assert any(fault in f for f in checks.accessibility(whole.replace(*harm)))
