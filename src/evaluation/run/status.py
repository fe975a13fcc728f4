"""The status of a study: waves, gates, last report, and missing inputs."""

from __future__ import annotations

from pathlib import Path

from evaluation.errors import StudyError
from evaluation.intake import keys, wave_file
from evaluation.plan import registration, study
from evaluation.run import folders
from evaluation.run import manifest as run_manifest
from evaluation.run.manifest import Manifest
from evaluation.run.release import ledger
from evaluation.run.request import resolve_wave

MOST_FAULTS = 10  # that are listed


def status(study_file: Path | None = None, wave: str = "") -> Manifest:
    """Return waves, gates of the last run of a wave, its last report, and what is missing."""
    plan = study.load(study_file)
    wave = resolve_wave(plan, wave)
    manifest = _last_manifest(plan, wave)
    return {
        "study": plan.study.title,
        "wave": wave,
        "waves": [_wave(plan, w) for w in plan.waves],
        "last_report": manifest.get("report", ""),
        "status": manifest.get("status", "no report yet"),
        "gates_failed": manifest.get("gates_failed", []),
        "missing": _missing(plan, wave),
        "faults": _faults(plan, wave),
        "moved": moved(plan),
    }


def moved(plan: study.Plan) -> list[str]:
    """Return a line for each report, released or not, that was made from another export of a wave than stands now.

    A report made with another key of the study cannot be compared, and is passed over.
    """
    if not keys.key_file().is_file():
        return []
    key, released = keys.study_key(create=False), {str(e["report"]) for e in ledger(plan)}
    exports = {w: path for w in plan.waves if (path := _export(plan, w)) is not None}
    steady = (Path(plan.study.codebook), Path(plan.population.margins_file), *exports.values())
    now = {p: run_manifest.keyed(key, (plan.root / p).read_bytes()) for p in steady if (plan.root / p).is_file()}
    lines = []
    for _, manifest in (r for wave in plan.waves for r in folders.reports_of(plan.root, wave)):
        then = manifest["inputs"]
        for wave, path in exports.items() if set(now.values()) & set(then.values()) else ():
            held = {d for n, d in then.items() if Path(n).parent == path.parent and Path(n).name != "wave.toml"}
            if held and now[path] not in held:
                public = manifest["report"] in released
                what = f"{'Released report' if public else 'Report'} {manifest['report']}"
                todo = "say so where it was published, and run the study again" if public else "run the study again"
                lines.append(f"{what} was made from another export of {wave}: {todo}.")
    return lines


def _export(plan: study.Plan, wave: str) -> Path | None:
    """Return the path of a wave's export below the study; None where it was not taken in."""
    try:
        file = wave_file.load(plan.root, wave).path
    except StudyError:
        return None
    return file.relative_to(plan.root) if file.is_file() else None


def _last_manifest(plan: study.Plan, wave: str) -> Manifest:
    made = folders.reports_of(plan.root, wave)
    return made[-1][1] | {"report": made[-1][0].name} if made else {}


def _wave(plan: study.Plan, wave: str) -> dict[str, str]:
    from evaluation.intake import waves

    folder = plan.root / "data_raw" / "waves" / wave
    if not (folder / "wave.toml").is_file():
        return {"id": wave, "state": "no export taken in yet"}
    info = waves.info(plan, wave)
    dates = f"{info.start} to {info.end}" if info.start and info.end else "fieldwork dates not recorded"
    return {"id": wave, "state": "taken in", "label": info.label, "origin": info.origin, "fieldwork": dates}


def _missing(plan: study.Plan, wave: str) -> list[str]:
    raw = plan.root / "data_raw"
    lines = [f"the export of {w}" for w in plan.waves_up_to(wave) if not (raw / "waves" / w / "wave.toml").is_file()]
    if not registration.frozen_file(plan, wave).is_file():
        lines.append(f"a frozen plan: evaluation plan --freeze --wave {wave}")
    if plan.population.margins and not (plan.root / plan.population.margins_file).is_file():
        lines.append(f"population margins: {plan.population.margins_file}")
    held = {p.stem for p in (raw / "registers").glob("*") if p.suffix in (".csv", ".xlsx")}
    return lines + [
        f"the register {name!r} (its section will say so)" for name in plan.programme.registers if name not in held
    ]


def _faults(plan: study.Plan, wave: str) -> list[str]:
    """Return a line for each fault that is left, of the waves that are in and of the registers."""
    from evaluation.intake import waves

    there = [w for w in plan.waves_up_to(wave) if (plan.root / "data_raw" / "waves" / w / "wave.toml").is_file()]
    found = [(f"{w}/", f) for w in there for f in waves.check(plan, w)]
    return [f"{where}{f.line()}" for where, f in (*found, *(("", f) for f in waves.check_registers(plan)))]


def text(state: Manifest) -> str:
    """Return the status as a page of plain text."""
    lines = [state["study"], "", "Waves"]
    for wave in state["waves"]:
        about = ", ".join(wave[k] for k in ("label", "origin", "fieldwork") if wave.get(k))
        lines.append(f"  {wave['id']}  {wave['state']}" + (f" ({about})" if about else ""))
    lines += ["", f"Last report of {state['wave']}: {state['last_report'] or 'none'} ({state['status']})"]
    lines.append("Gates failed: " + (", ".join(state["gates_failed"]) or "none"))
    lines.append("Missing: " + ("; ".join(state["missing"]) or "nothing"))
    faults = state["faults"]
    lines += [f"Faults: {len(faults)}", *(f"  {f}" for f in faults[:MOST_FAULTS])] if faults else ["Faults: none"]
    if len(faults) > MOST_FAULTS:
        lines.append(f"  … and {len(faults) - MOST_FAULTS} more: evaluation check lists them")
    return "\n".join([*lines, *state["moved"]])
