"""The report as a Process Run Crate: what was made, by which software, from which inputs, for catalogues of research.

RO-Crate 1.1 with the Process Run Crate profile 0.5 (https://w3id.org/ro/wfrun/process/0.5).
"""

from __future__ import annotations

from pathlib import PurePosixPath

from evaluation.run.manifest import Manifest

CRATE = "https://w3id.org/ro/crate/1.1"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
LICENCE = "https://spdx.org/licenses/MIT"
FORMATS = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".ipynb": "application/x-ipynb+json",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
TEAM, SOFTWARE, RUN, ROOT = "#team", "#evaluation", "#run", "./"

Entity = dict[str, object]


def ro_crate(manifest: Manifest, title: str) -> Entity:
    """Return the manifest as the metadata of a Process Run Crate with one action, the run.

    Parameters
    ----------
    manifest : dict
        The manifest of the run.
    title : str
        Title of the study.

    Returns
    -------
    dict
        The JSON-LD document of `ro-crate-metadata.json`.
    """
    files = [_file(name, output) for name, output in manifest["outputs"].items()]
    inputs = [
        {"@id": f"#input/{name}", "@type": "CreativeWork", "name": name, "identifier": f"hmac-sha256:{digest}"}
        for name, digest in manifest["inputs"].items()
    ]
    graph = [_about(), _root(manifest, title, files), _run(manifest, inputs, files), *_context(manifest)]
    return {"@context": f"{CRATE}/context", "@graph": [*graph, *inputs, *files]}


def media_type(name: str) -> str:
    """Return the media type of a file by its ending; a file without a known one is a stream of bytes.

    Parameters
    ----------
    name : str
        Name of the file.

    Returns
    -------
    str
        Such as "text/csv".
    """
    return FORMATS.get(PurePosixPath(name).suffix.lower(), "application/octet-stream")


def _about() -> Entity:
    return {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "about": _link(ROOT),
        "conformsTo": _link(CRATE),
        "encodingFormat": "application/json",
    }


def _root(manifest: Manifest, title: str, files: list[Entity]) -> Entity:
    return {
        "@id": ROOT,
        "@type": "Dataset",
        "name": f"{title}: report {manifest['report']}",
        "description": "An evaluation report with its results, figures and executed notebooks.",
        "datePublished": manifest["date"],
        "author": _link(TEAM),
        "publisher": _link(TEAM),
        "license": _link(LICENCE),
        "conformsTo": _link(PROFILE),
        "hasPart": _links(files),
        "mentions": _link(RUN),
    }


def _run(manifest: Manifest, inputs: list[Entity], files: list[Entity]) -> Entity:
    return {
        "@id": RUN,
        "@type": "CreateAction",
        "name": "Run of the study's notebooks",
        "description": f"The notebooks of the study were run for the wave {manifest['wave']} and the report was made.",
        "startTime": manifest["started"],
        "endTime": manifest["finished"],
        "agent": _link(TEAM),
        "instrument": _link(SOFTWARE),
        "object": _links(inputs),
        "result": _links(files),
    }


def _context(manifest: Manifest) -> list[Entity]:
    """Return who ran what, and the documents the crate keeps to."""
    version = f"{manifest['version']} ({manifest['code']['commit'][:12]})"
    rights = "The code. The report itself holds aggregated figures only, or synthetic ones."
    return [
        {"@id": TEAM, "@type": "Organization", "name": manifest.get("team", "the owner of the study")},
        {"@id": SOFTWARE, "@type": "SoftwareApplication", "name": "evaluation", "softwareVersion": version},
        {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        {"@id": LICENCE, "@type": "CreativeWork", "name": "MIT License", "description": rights},
    ]


def _file(name: str, output: dict[str, str | int]) -> Entity:
    return {
        "@id": name,
        "@type": "File",
        "name": PurePosixPath(name).name,
        "contentSize": str(output["bytes"]),
        "encodingFormat": media_type(name),
        "sha256": output["sha256"],
    }


def _link(id: str) -> dict[str, str]:
    return {"@id": id}


def _links(entities: list[Entity]) -> list[dict[str, str]]:
    return [_link(str(e["@id"])) for e in entities]
