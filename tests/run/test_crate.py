"""The report as a Process Run Crate: what the profile asks of the metadata."""

import pytest

from evaluation.run import crate

MANIFEST = {
    "outputs": {"index.html": {"bytes": 10, "sha256": "a" * 64}, "figures/a.b.svg": {"bytes": 2, "sha256": "b" * 64}},
    "inputs": {"study.toml": "c" * 32},
    "report": "2026-07-04_W2",
    "wave": "W2",
    "date": "2026-07-04",
    "started": "2026-07-04T10:00:00+00:00",
    "finished": "2026-07-04T10:01:00+00:00",
    "version": "0.1.0",
    "code": {"commit": "0123456789abcdef"},
    "team": "A team",
}


def links(value):
    """Yield every reference of an entity to another."""
    if isinstance(value, dict):
        if set(value) == {"@id"}:
            yield value["@id"]
        else:
            for v in value.values():
                yield from links(v)
    elif isinstance(value, list):
        for v in value:
            yield from links(v)


@pytest.fixture
def graph():
    return crate.ro_crate(MANIFEST, "A study")["@graph"]


def test_every_reference_leads_to_an_entity_that_stands_once(graph):
    ids = [e["@id"] for e in graph]
    assert len(ids) == len(set(ids))
    away = {link for e in graph for link in links(e)} - set(ids)
    assert away == {crate.CRATE}


def test_the_root_names_profile_licence_author_and_publisher_as_entities(graph):
    by_id = {e["@id"]: e for e in graph}
    root = by_id["./"]
    for key, kind in (("conformsTo", "CreativeWork"), ("license", "CreativeWork"), ("author", "Organization")):
        assert by_id[root[key]["@id"]]["@type"] == kind
    assert by_id[root["publisher"]["@id"]]["@type"] == "Organization"
    assert by_id[root["conformsTo"]["@id"]]["version"] == "0.5"


def test_the_action_has_software_agent_inputs_results_and_times(graph):
    (action,) = [e for e in graph if e["@type"] == "CreateAction"]
    assert {"name", "description", "startTime", "endTime", "agent", "instrument", "object", "result"} <= set(action)
    assert [r["@id"] for r in action["result"]] == list(MANIFEST["outputs"])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.b.svg", "image/svg+xml"),
        ("INDEX.HTML", "text/html"),
        ("x.csv", "text/csv"),
        ("odd", "application/octet-stream"),
    ],
)
def test_a_file_says_its_media_type(name, kind):
    assert crate.media_type(name) == kind
