"""The `evaluation` command: parses words, calls one function, prints.

Nothing heavy is imported before the words are understood, so `--help` answers at once. Exit status: 0 done, 1 a
check failed, 2 the words or the inputs are wrong. A refusal prints what is wrong, where and what to do, without a
traceback.
"""

from __future__ import annotations

import argparse
import codecs
import contextlib
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from evaluation.errors import EvaluationError, InputError, unforeseen

if TYPE_CHECKING:
    from evaluation.plan.study import Plan


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    _speak_plainly()
    options = _parser().parse_args(arguments)
    try:
        with _stopping():
            status = int(options.do(options) or 0)
            sys.stdout.flush()
            return status
    except EvaluationError as error:
        print(f"evaluation: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt as error:
        print("evaluation: stopped; the last report is untouched", file=sys.stderr)
        return 128 + error.number if isinstance(error, _Stopped) else 130
    except BrokenPipeError:  # the reader of the lines left: nothing went wrong, and nothing can be said
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        reason = error.strerror or type(error).__name__
        name = Path(str(error.filename)).name if error.filename else "a file"
        print(f"evaluation: {reason} ({name}). Nothing was published.", file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - its text may hold a respondent's value, so it is never printed
        print(f"evaluation: {unforeseen(error)}", file=sys.stderr)
        return 1


PLAIN = {"→": "->", "…": "...", "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "×": "x", "£": "GBP "}


def _speak_plainly() -> None:
    """Let a terminal that cannot show a sign show what is nearest to it."""
    codecs.register_error("plain", _plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and "utf" not in (stream.encoding or "").lower():
            stream.reconfigure(errors="plain")


def _plainly(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(PLAIN.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


class _Stopped(KeyboardInterrupt):
    """A signal asked the command to end."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


@contextlib.contextmanager
def _stopping() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the command as Ctrl-C does: everything under way is cleared up first."""

    def stop(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise _Stopped(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = [n for n in ("SIGTERM", "SIGHUP") if hasattr(signal, n)]
    before = {getattr(signal, n): signal.signal(getattr(signal, n), stop) for n in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evaluation",
        description="Evaluate, wave by wave, whether police-community forums change trust and confidence.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(
        name: str, do: Callable[[argparse.Namespace], int | None], help_text: str, *, wave: bool = True
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help_text, description=help_text)
        about = "study.toml (default: the nearest one above)"
        if name == "run":
            about += "; give it again for each further study, to run them side by side"
            sub.add_argument("--study", type=Path, action="append", default=[], metavar="PATH", help=about)
        else:
            sub.add_argument("--study", type=Path, metavar="PATH", help=about)
        if wave:
            sub.add_argument("--wave", default="", metavar="W", help="wave id such as W2025 (default: the last)")
        sub.set_defaults(do=do)
        return sub

    _add_run(add("run", _run, "run the notebooks into a dated report"))
    add("check", _check, "validate inputs and the plan; write nothing")
    new = add("add-wave", _add_wave, "copy an export in, propose its map, list every fault")
    new.add_argument("export", type=Path, metavar="EXPORT")
    new.add_argument("--replace", action="store_true", help="put it in the place of the wave's export; keep the map")
    add("add-stops", _add_stops, "published months of stop and search become the register", wave=False).add_argument(
        "months", type=Path, metavar="FOLDER"
    )
    verify = add("verify", _verify, "re-run a report and say how equal it is", wave=False)
    verify.add_argument("report", type=Path, metavar="REPORT")
    compare = add("compare", _compare, "say what changed between two reports, and why", wave=False)
    compare.add_argument("reports", type=Path, nargs=2, metavar="REPORT")
    _add_plan(add("plan", _plan, "detectable differences and sample sizes for the next wave; --freeze the plan"))
    made = add("synthesise", _synthesise, "write a synthetic study with a known truth", wave=False)
    made.add_argument(
        "--truth",
        type=Path,
        metavar="FILE",
        help="truth.toml, or higher, lower, null or too_small (default: the shipped truth)",
    )
    made.add_argument("--folder", type=Path, required=True, metavar="FOLDER", help="where its data_raw/ is written")
    made.add_argument("--seed", type=int, default=None, metavar="N")
    begin = add("init", _init, "a new study: from an export and five answers, or with a plan to fill in", wave=False)
    _add_init(begin)
    _add_release(add("release", _release, "add a report to the ledger of what was published", wave=False))
    sheet = add("sense-check", _sense_check, "record a return sheet of the checking group")
    sheet.add_argument("sheet", type=Path, metavar="SHEET")
    _add_lot(commands)
    status = add("status", _status, "waves, gates, last report, and what is missing")
    status.add_argument("--json", action="store_true", help="for machines")
    return parser


def _add_lot(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "draw by lot who gets invitations, events or a quiet place first; verify and show a draw"
    lot = commands.add_parser("lot", help=about, description=about)
    parts = lot.add_subparsers(title="lot commands", required=True, metavar="WHAT")
    for name, do, help_text in (
        ("draw", _lot_draw, "commit a lot; with its public number, draw it"),
        ("verify", _lot_verify, "draw a lot again and say whether it is what its record says"),
        ("show", _lot_show, "how many were drawn in each block; a page in plain words"),
    ):
        sub = parts.add_parser(name, help=help_text, description=help_text)
        sub.add_argument("name", metavar="NAME", help="the lot: [lots.NAME] of study.toml")
        sub.add_argument("--study", type=Path, metavar="PATH", help="study.toml (default: the nearest one above)")
        sub.set_defaults(do=do)
        if name == "draw":
            sub.add_argument("--number", default="", metavar="N", help="the public number, once it is known")
            sub.add_argument("--list", type=Path, metavar="FILE", help="where senders find who was drawn; not in here")
            sub.add_argument(
                "--again", default="", metavar="REASON", help="draw once more; no effect may be claimed then"
            )
            sub.add_argument("--date", default="", metavar="D", help="day of the draw (default: today)")
        if name == "show":
            sub.add_argument("--page", type=Path, metavar="FILE", help="write the page for the public, to print")


def _add_plan(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--freeze", action="store_true", help="write plans/<wave>.toml before outcomes are opened")
    sub.add_argument("--date", default="", metavar="D", help="date of freezing (default: today)")
    sub.add_argument("--quick", action="store_true", help="sizes by formula only, nothing is rehearsed; no mock report")
    sub.add_argument("--protocol", type=Path, metavar="FOLDER", help="write the protocol (html, pdf) and a mock report")
    sub.add_argument("--questionnaire", type=Path, metavar="FILE", help="write the next questionnaire, ready to print")


def _add_run(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--date", default="", metavar="D", help="report date, 2026-07-04 (default: today)")
    sub.add_argument("--only", default="", metavar="NN", help="run up to one notebook; makes no report")
    sub.add_argument("--draft", action="store_true", help="permit an unfrozen plan; stamps the report DRAFT")
    sub.add_argument("--fresh", action="store_true", help="run even if nothing changed")
    sub.add_argument("--cluster", default="", metavar="ADDRESS", help="heavy loops on a Dask cluster, tcp://host:8786")
    sub.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        type=_pair,
        help="a parameter for the notebooks that declare it",
    )
    sub.add_argument("--cell-seconds", type=_positive, default=600, metavar="N", help="time limit of a cell (600)")
    sub.add_argument("--quiet", action="store_true", help="say only where the report is")
    sub.add_argument("--json", action="store_true", help="say the outcome as JSON")


def _add_release(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("report", type=Path, metavar="REPORT")
    sub.add_argument("--draft", action="store_true", help="release it although it is a draft")
    sub.add_argument("--checked-by", default="", metavar="NAME", help="the second person, who went through it")
    sub.add_argument("--analyst", default="", metavar="NAME", help="who made it (default: contact.ran_by of the plan)")
    sub.add_argument("--alone", action="store_true", help="nobody else can check it: one person made and checked it")


def _add_init(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("folder", type=Path, metavar="FOLDER")
    sub.add_argument(
        "--from", dest="exports", action="append", default=[], type=Path, metavar="EXPORT", help="an export of a wave"
    )
    sub.add_argument("--wave", action="append", default=[], metavar="W", help="the wave of each export, in order")
    for name, text in (
        ("outcome", "COLUMN; COLUMN, or COLUMN: lowest < next < highest"),
        ("treatment", "COLUMN: ANSWER / ANSWER OF THE OTHERS | COLUMN, COLUMN; or none"),
        ("number", "COLUMN; COLUMN: what numbers the respondents, and what links them across waves"),
        ("weight", "probability, convenience or census; COLUMN"),
        ("cluster", "COLUMN; COLUMN: the cluster and the stratum"),
    ):
        sub.add_argument(f"--{name}", default="", metavar="ANSWER", help=text)
    sub.add_argument("--accept", action="store_true", help="take the proposed answer to what is not given")
    for name in ("header-row", "header-rows"):
        sub.add_argument(f"--{name}", type=_positive, default=None, metavar="N", help="where the headings stand")
    for name in ("sheet", "delimiter", "encoding"):
        sub.add_argument(f"--{name}", default=None, metavar="TEXT", help="how the export is to be read")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return int(text)


def _run(options: argparse.Namespace) -> int:
    from evaluation.run import pipeline
    from evaluation.run.request import Request

    silent = options.quiet or options.json
    if len(options.study) > 1:
        return _run_several(options, silent)
    request = Request(
        options.study[0] if options.study else None,
        options.wave,
        options.date,
        options.only,
        options.draft,
        options.fresh,
        (lambda _: None) if silent else _say,
        options.cluster,
        dict(options.parameter),
        options.cell_seconds,
    )
    outcome = pipeline.run(request)
    page = "" if outcome.folder is None else _short_path(outcome.folder / "index.html")
    if options.json:
        print(
            json.dumps(
                {
                    "status": outcome.status,
                    "headline": outcome.headline,
                    "gates_failed": outcome.gates_failed,
                    "unchanged": outcome.unchanged,
                    "page": page,
                }
            )
        )
        return 0
    if not options.quiet:
        print(f"\nStatus: {outcome.status}\n{outcome.headline}")
        if not outcome.unchanged:
            print("Gates failed: " + (", ".join(outcome.gates_failed) or "none"))
    print(f"Report: {page}" if page else "No report was asked for.")
    return 0


def _run_several(options: argparse.Namespace, silent: bool) -> int:
    """Run several studies side by side; the exit status is the worst of theirs."""
    from evaluation.run import several

    words = [f"--{n}={v}" for n in ("wave", "date", "only", "cluster") if (v := getattr(options, n))]
    words += [f"--{n}" for n in ("draft", "fresh") if getattr(options, n)]
    words += [f"--cell-seconds={options.cell_seconds}", *(f"--parameter={k}={v}" for k, v in options.parameter)]
    ended = several.run(options.study, words, (lambda _: None) if silent else _say)
    if options.json:
        rows = [{"study": str(e.study), "exit_status": e.exit_status, **e.outcome} for e in ended]
        print(json.dumps(rows))
    if silent:
        for one in ended:
            if one.exit_status or not options.json:
                print(one.line(), file=sys.stderr if one.exit_status else sys.stdout)
    return several.worst(ended)


def _say(line: str) -> None:
    print(line, flush=True)


def _short_path(path: Path) -> str:
    """Return a path as the user would type it: relative to the working directory where that is shorter."""
    try:
        return str(path.resolve().relative_to(Path.cwd().resolve()))
    except ValueError:
        return str(path)


def _check(options: argparse.Namespace) -> int:
    from evaluation.intake import waves
    from evaluation.plan import study
    from evaluation.run import pipeline
    from evaluation.run.request import resolve_wave

    plan = study.load(options.study)
    wave = resolve_wave(plan, options.wave)
    seen: list[waves.WaveRead] = []
    faults = pipeline.check(plan, wave, seen)
    if faults:
        print(waves.fault_table(faults), file=sys.stderr)
    else:
        read = ", ".join(plan.waves_up_to(wave))
        print(f"No faults: plan, codebook, registers and waves {read} can be used.")
        print("\nWhat was read\n")
        print("\n".join(waves.registers_read(plan)))
    print("\n\n".join(one.text() for one in seen))
    return 2 if faults else 0


def _add_wave(options: argparse.Namespace) -> int:
    from evaluation.intake import waves
    from evaluation.plan import study

    plan = study.load(options.study)
    if not options.replace:
        added = waves.add(plan, options.export, options.wave)
        print(added.summary())
        return 2 if added.faults else 0
    from evaluation.run import status as run_status

    replaced = waves.replace(plan, options.export, options.wave)
    print(replaced.summary())
    for line in run_status.moved(plan):
        print(line)
    return 2 if replaced.faults else 0


def _add_stops(options: argparse.Namespace) -> int:
    from evaluation.intake import stop_months
    from evaluation.plan import study

    print(stop_months.add(study.load(options.study), options.months))
    return 0


def _verify(options: argparse.Namespace) -> int:
    from evaluation.run import verify as run_verify

    found = run_verify.verify(options.report, study_file=options.study, say=_say)
    print(found.summary())
    return 0 if found.level != "differs" else 1


def _compare(options: argparse.Namespace) -> int:
    from evaluation.run import verify as run_verify

    print(run_verify.compare(*options.reports).summary())
    return 0


def _plan(options: argparse.Namespace) -> int:
    from evaluation.plan import registration, study
    from evaluation.run.request import resolve_clock, resolve_date, resolve_wave

    plan = study.load(options.study)
    wave = resolve_wave(plan, options.wave)
    if options.freeze:
        _require_sound(plan, wave)
        day, clock = resolve_date(plan, options.date).isoformat(), resolve_clock(plan).isoformat()
        path = registration.freeze(plan, wave, date=day, clock=clock)
        print(
            f"The plan for {wave} is frozen in {path.parent.name}/{path.name} "
            f"({registration.frozen_digest(plan, wave)[:12]})."
        )
        return 0
    if options.protocol:
        return _protocol(plan, wave, options)
    from evaluation.analysis import fieldwork_sheet, questionnaire

    if options.questionnaire:
        options.questionnaire.write_text(questionnaire.questionnaire(plan, wave), "utf-8")
        print(f"The questionnaire is in {_short_path(options.questionnaire)}.")
        return 0
    print(fieldwork_sheet.sheet(plan, wave, draws=0) if options.quick else fieldwork_sheet.sheet(plan, wave))
    return 0


def _protocol(plan: Plan, wave: str, options: argparse.Namespace) -> int:
    from evaluation.report import protocol_page
    from evaluation.run import mock_report

    why = "it was not asked for" if options.quick else mock_report.reason_for_none(plan, wave)
    if not why:
        mock_report.make(plan, wave, options.protocol, date=options.date, say=lambda _: None)
    made = protocol_page.write(plan, wave, options.protocol, without_mock=why)
    print(f"The protocol is in {' and '.join(_short_path(p) for p in made)}.")
    shown = _short_path(options.protocol / "mock" / "index.html")
    print(f"No mock report: {why}." if why else f"The mock report is {shown}.")
    return 0


def _require_sound(plan: Plan, wave: str) -> None:
    """Refuse to freeze the plan of a study whose waves that are in have faults: it could not be run as frozen."""
    from evaluation.intake import waves
    from evaluation.run import pipeline

    if all((plan.root / "data_raw" / "waves" / w / "wave.toml").is_file() for w in plan.waves_up_to(wave)):
        faults = pipeline.check(plan, wave)
        if faults:
            raise InputError(waves.fault_table(faults), faults=faults, todo="Mend them, then freeze the plan.")


def _synthesise(options: argparse.Namespace) -> int:
    from evaluation.run import synthetic_lot

    made = synthetic_lot.make(options.truth, options.folder, seed=options.seed)
    print(
        f"A synthetic study is in {_short_path(Path(made or options.folder))}; its truth stands in data_raw/truth.toml."
    )
    return 0


def _init(options: argparse.Namespace) -> int:
    from evaluation.run import new_study
    from evaluation.run.first_questions import QUESTIONS

    if not options.exports:
        print(new_study.init(options.folder))
        return 0
    given = {name: getattr(options, name) for name in QUESTIONS}
    names = ("header_row", "header_rows", "sheet", "delimiter", "encoding")
    said = {k: v for k in names if (v := getattr(options, k)) is not None}
    reply = input if sys.stdin.isatty() else None
    print(new_study.begin(options.folder, options.exports, options.wave, given, reply, accept=options.accept, **said))
    return 0


def _release(options: argparse.Namespace) -> int:
    from evaluation.run import release as run_release

    print(run_release.checklist(options.report))
    signing = run_release.Signing(options.checked_by, options.analyst, options.alone, options.draft)
    print(run_release.release(options.report, signing, study_file=options.study))
    return 0


def _sense_check(options: argparse.Namespace) -> int:
    from evaluation.run import release as run_release

    print(run_release.record_sense_check(options.sheet, study_file=options.study, wave=options.wave))
    return 0


def _lot_draw(options: argparse.Namespace) -> int:
    from evaluation.analysis.lots import lot_draws
    from evaluation.plan import study
    from evaluation.run.request import resolve_date

    plan = study.load(options.study)
    day = resolve_date(plan, options.date)
    print(lot_draws.draw(plan, options.name, lot_draws.DrawRequest(day, options.number, options.list, options.again)))
    return 0


def _lot_verify(options: argparse.Namespace) -> int:
    from evaluation.analysis.lots import verification
    from evaluation.plan import study

    said, good = verification.summary(study.load(options.study), options.name)
    print(said)
    return 0 if good else 1


def _lot_show(options: argparse.Namespace) -> int:
    from evaluation.plan import study
    from evaluation.report import lot_page

    plan = study.load(options.study)
    if options.page:
        options.page.write_text(lot_page.page(plan, options.name), "utf-8")
        print(f"The page is in {_short_path(options.page)}.")
        return 0
    print(lot_page.counts(plan, options.name))
    return 0


def _status(options: argparse.Namespace) -> int:
    from evaluation.run import status as run_status

    found = run_status.status(options.study, options.wave)
    print(json.dumps(found, indent=2, default=str) if options.json else run_status.text(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
