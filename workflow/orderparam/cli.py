"""The command `orderparam`: all but the workflow itself. It works on the project in the current folder.

A command is a function: its docstring is the help. It imports what it needs itself, so that a machine that
only trains needs no more than PyTorch and pandas.
"""

from __future__ import annotations

import argparse
import inspect
import json
import logging
import math
import shlex
import shutil
import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from orderparam.errors import ConfigError, OrderParameterError, RecordError, explain_shortage
from orderparam.settings.experiment import PRECISIONS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 after an OrderParameterError, 130 after Ctrl-C.

    Both are told on stderr. Raises SystemExit(2) for a command line that cannot be understood.
    """
    options = make_parser().parse_args(arguments)
    try:
        options.run(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except Exception as error:
        reason = str(error) if isinstance(error, OrderParameterError) else explain_shortage(error)
        if not reason and isinstance(error, OSError) and error.filename:
            reason = f"{error.filename}: {error.strerror}"
        if not reason:
            raise
        print(f"error: {reason}", file=sys.stderr)
        return 1
    return 0


def make_parser() -> ArgumentParser:
    """The parser of all commands; the options that it returns have the command's function as `run`."""
    parser = ArgumentParser(
        prog="orderparam",
        description="Look at tracked runs, train without the workflow, keep what long runs measured. "
        "The workflow itself is run by snakemake. `orderparam COMMAND --help` shows an example.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    experiment = _argument("experiment", help="a file of config/experiments/, without .yaml")
    run_file = _argument("run_file", metavar="RUN.json", type=Path, help="as printed by `orderparam run`")
    corpus = _argument(
        "--corpus", type=Path, required=True, help="folder with tokens.npy and vocabulary.json"
    )
    recorded = _argument(
        "--recorded", type=Path, default=Path("results/recorded"), help="folder of all records (%(default)s)"
    )

    ui = _add(commands, "ui", show_runs)
    ui.add_argument("--port", type=port, default=5001, help="on this machine (%(default)s)")

    config = commands.add_parser("config", help="check the configuration").add_subparsers(
        metavar="COMMAND", required=True
    )
    _add(config, "check", check_config)
    _add(config, "document", document_config)
    run = _add(commands, "run", print_run, experiment)
    run.add_argument("size", help="an entry under its `sizes`")
    run.add_argument("--seeds", type=int, nargs="+", metavar="SEED", help="only these; default: all")
    run.add_argument("--precision", choices=PRECISIONS, help="in place of the configured one; on CUDA only")
    run.add_argument("--steps", type=int, help="fewer than configured")

    training = _add(commands, "train", train, run_file, corpus)
    training.add_argument("--out", type=Path, required=True, help="folder for tables and checkpoints")
    training.add_argument("--start-from", type=Path, help="checkpoints of the run that start_from names")
    training.add_argument("--snapshot-seconds", type=duration, help="between snapshots; default: 30")
    training.add_argument(
        "--keep-snapshot", action="store_true", help="so that the run can go on with more steps later"
    )
    timing = _add(commands, "benchmark", benchmark, corpus)
    timing.add_argument("run_files", metavar="RUN.json", type=Path, nargs="+", help="one for each size")
    timing.add_argument("--out", type=Path, required=True, help="the table, .csv")
    timing.add_argument("--seconds", type=duration, default=400.0, help="for all cases (%(default)s)")
    timing.add_argument("--stacks", type=count, nargs="+", help="numbers of seeds; default: 1 8 32")

    records = commands.add_parser("recorded", help="add to, or check, what is kept of long runs")
    kept = records.add_subparsers(metavar="COMMAND", required=True)
    adding = _add(kept, "add", add_recorded, experiment, recorded)
    adding.add_argument(
        "jobs", metavar="JOB", type=Path, nargs="+", help="results/EXPERIMENT/runs/SIZE/JOB, or extracted"
    )
    adding.add_argument(
        "--without-steps",
        action="store_true",
        help="leave out each step's b and batch loss, which take most space",
    )
    extracting = _add(kept, "extract", extract_job, run_file, corpus)
    extracting.add_argument("folder", type=Path, help="the --out of `orderparam train`")
    _add(kept, "check", check_recorded, experiment, recorded)
    return parser


def port(text: str) -> int:
    """The number of a port; ValueError for any other text."""
    if not 1 <= int(text) <= 65535:
        raise ValueError(f"{text} is no port")
    return int(text)


def count(text: str) -> int:
    """A number of seeds, 1 or more; ValueError for any other text."""
    if int(text) < 1:
        raise ValueError(f"{text} is less than 1")
    return int(text)


def duration(text: str) -> float:
    """Seconds, 0 or more; ValueError for any other text."""
    if not 0 <= float(text) < math.inf:
        raise ValueError(f"{text} is no number of seconds")
    return float(text)


def _argument(*names: str, **settings: Any) -> ArgumentParser:
    """An argument that several commands share."""
    parser = ArgumentParser(add_help=False)
    parser.add_argument(*names, **settings)
    return parser


def _add(commands: Any, name: str, run: Callable[[Namespace], None], *shared: ArgumentParser) -> Any:
    """The parser of a command, with the function's docstring as help."""
    text = inspect.getdoc(run) or ""
    does = text.partition(".\n")[0]
    parser = commands.add_parser(
        name,
        help=does[:1].lower() + does[1:],
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=shared,
    )
    parser.set_defaults(run=run)
    return parser


def show_runs(options: Namespace) -> None:
    """Show the tracked runs on MLflow's page, those in progress too.

    The store is brought up to date from the jobs' records, at first and every few seconds; if it was deleted,
    it is made anew.

    example: orderparam ui --port 5001
    """
    from orderparam.tracking.ui import browse

    browse(Path.cwd(), options.port)


def check_config(options: Namespace) -> None:
    """Print every error of every file in config/, or ok.

    example: orderparam config check
    """
    from orderparam.archive.replay import with_recorded
    from orderparam.claims.ledger import load_ledger
    from orderparam.settings.config import load_project_settings
    from orderparam.settings.ising_file import ISING_FILE, load_ising

    root, errors = Path.cwd(), []
    loads: list[Callable[[], Any]] = [
        lambda: with_recorded(load_project_settings(root), root),
        lambda: load_ledger(root),
    ]
    # A project that imports this workflow has none.
    loads += [lambda: load_ising(root)] if (root / ISING_FILE).exists() else []
    for load in loads:
        try:
            for name, reason in getattr(load(), "unreadable", {}).items():
                print(f"experiment {name}: {reason}", file=sys.stderr)
        except ConfigError as error:
            errors.append(str(error))
    if errors:
        raise ConfigError("\n".join(errors))
    print("ok")


def document_config(options: Namespace) -> None:
    """Write the tables of config/README.md and the schemas for editors anew, from the settings' classes.

    example: orderparam config document
    """
    from orderparam.settings.documentation import write_documentation

    write_documentation(Path.cwd())


def print_run(options: Namespace) -> None:
    """Print a run with all its settings, and its seeds, as JSON, for another machine.

    example: orderparam run paper 10K --seeds 1337 --precision tf32 > run.json
    """
    from orderparam.settings.config import describe_run, load_project_settings

    settings = load_project_settings(Path.cwd())
    changes = options.seeds, options.precision, options.steps
    print(json.dumps(describe_run(settings, options.experiment, options.size, *changes), indent=2))


def train(options: Namespace) -> None:
    """Train all seeds of a run without the workflow, or go on where that was stopped.

    The folder gets the tables, the checkpoints, and environment.json, which says on what machine, by which
    code and in how many seconds they were made. On CUDA several seeds are trained at once.

    example: orderparam train run.json --corpus results/corpora/tiny_shakespeare --out 10K
    """
    from orderparam.environment import describe_environment
    from orderparam.files import write_json
    from orderparam.training.device import resolve_device
    from orderparam.training.job import JobPaths, read_run, train_job
    from orderparam.training.run import SNAPSHOT_SECONDS, Durations

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    out: Path = options.out
    paths = JobPaths.below(out)
    began, durations = time.perf_counter(), Durations()
    run, seeds, resolved = read_run(options.run_file)
    device = resolve_device(run.device)
    precision = run.precision if device.type == "cuda" else "float32"
    environment = describe_environment(device, precision, _this_command(), resolved.get("commit"))
    train_job(
        run,
        seeds,
        options.corpus / "tokens.npy",
        options.corpus / "vocabulary.json",
        paths,
        snapshot_seconds=SNAPSHOT_SECONDS if options.snapshot_seconds is None else options.snapshot_seconds,
        start_from=options.start_from,
        durations=durations,
    )
    took = {"seconds": time.perf_counter() - began, **durations.to_dict(), "seeds": len(seeds)}
    write_json(out / "environment.json", environment | took)
    if not options.keep_snapshot:
        shutil.rmtree(paths.unfinished, ignore_errors=True)


def benchmark(options: Namespace) -> None:
    """Time stacks of seeds on this machine's GPU, in each precision, with CUDA graphs and without.

    example: orderparam benchmark run-10K.json run-1M.json --corpus CORPUS --out table.csv --stacks 1 8
    """
    from orderparam.measuring.gpu_benchmark import STACKS, benchmark_run_files

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    benchmark_run_files(
        options.run_files,
        options.corpus,
        options.out,
        options.stacks or STACKS,
        options.seconds,
        _this_command(),
    )


def add_recorded(options: Namespace) -> None:
    """Put finished jobs into an experiment's record in results/recorded/.

    example: orderparam recorded add paper results/paper/runs/10K/seeds-1337-1337
    """
    from orderparam.archive.add import add_jobs
    from orderparam.archive.job import read_job
    from orderparam.settings.config import find_experiment, load_project_settings
    from orderparam.tables import read_table

    experiment = find_experiment(load_project_settings(Path.cwd()), options.experiment)
    published = Path("config/published/order_parameter.csv")
    record = add_jobs(
        options.recorded / experiment.name,
        experiment,
        [read_job(folder) for folder in options.jobs],
        Path("results/corpora"),
        read_table(published) if experiment.compare_with_published else None,
        keep_steps=not options.without_steps,
    )
    print(f"{record.folder}: {len(record.jobs())} jobs, {len(record.sums)} files")


def extract_job(options: Namespace) -> None:
    """Verify and sample what `orderparam train` made, so that it can be added.

    example: orderparam recorded extract run.json 10K --corpus results/corpora/tiny_shakespeare
    """
    from orderparam.archive import extract

    extract.extract_job(options.run_file, options.folder, options.corpus)


def check_recorded(options: Namespace) -> None:
    """Read every file of an experiment's record; print ok if each is as it was recorded.

    example: orderparam recorded check paper
    """
    from orderparam.archive.record import MANIFEST, Record
    from orderparam.settings.words import suggest

    folder = options.recorded / options.experiment
    known = sorted(path.parent.name for path in options.recorded.glob(f"*/{MANIFEST}"))
    if options.experiment not in known:
        raise RecordError(f"{folder}: there is no such record; {suggest(options.experiment, known)}")
    Record(folder).check()
    print("ok")


def _this_command() -> str:
    return shlex.join(["orderparam", *sys.argv[1:]])
