"""Keep finished training jobs in the repository.

PYTHONPATH=workflow python3 -m orderparam.archive extract run.json FOLDER --corpus CORPUS_FOLDER
PYTHONPATH=workflow python3 -m orderparam.archive add paper FOLDER...
PYTHONPATH=workflow python3 -m orderparam.archive check paper
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from orderparam.errors import OrderParameterError
from orderparam.tables import read_table

ROOT = Path(__file__).resolve().parents[3]
CORPORA = ROOT / "results" / "corpora"
RECORDED = ROOT / "results" / "recorded"
PUBLISHED = ROOT / "config" / "published" / "order_parameter.csv"


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, extract, add or check; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m orderparam.archive",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    extract = commands.add_parser("extract", help="verify and sample what was trained without the workflow")
    extract.add_argument("run", type=Path, help="as printed by `python -m orderparam.settings.config run`")
    extract.add_argument("folder", type=Path, help="the --out of `python -m orderparam.training`")
    extract.add_argument("--corpus", type=Path, required=True, help="has tokens.npy and vocabulary.json")
    add = commands.add_parser("add", help="put finished jobs into an experiment's record")
    add.add_argument("experiment")
    add.add_argument(
        "jobs", type=Path, nargs="+", help="results/<experiment>/runs/<size>/<job>, or extracted"
    )
    add.add_argument("--corpora", type=Path, default=CORPORA, help="folder of the corpora (%(default)s)")
    check = commands.add_parser("check", help="read every file of a record")
    check.add_argument("experiment")
    for command in (add, check):
        command.add_argument("--recorded", type=Path, default=RECORDED, help="folder of the records")
    options = parser.parse_args(arguments)
    try:
        return {"extract": _extract, "add": _add, "check": _check}[options.command](options)
    except OrderParameterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


# Each command imports what it needs: a machine that only trains has neither SciPy nor jsonschema.


def _extract(options: argparse.Namespace) -> int:
    from orderparam.archive.extract import extract_job

    extract_job(options.run, options.folder, options.corpus)
    return 0


def _add(options: argparse.Namespace) -> int:
    from orderparam.archive.add import add_jobs
    from orderparam.archive.finished_job import read_finished_job
    from orderparam.settings.config import find_experiment, load_project_settings

    experiment = find_experiment(load_project_settings(ROOT), options.experiment)
    published = read_table(PUBLISHED) if experiment.compare_with_published else None
    jobs = [read_finished_job(folder) for folder in options.jobs]
    record = add_jobs(options.recorded / experiment.name, experiment, jobs, options.corpora, published)
    print(f"{record.folder}: {len(record.jobs())} jobs, {len(record.sums)} files")
    return 0


def _check(options: argparse.Namespace) -> int:
    from orderparam.archive.record import Record

    Record(options.recorded / options.experiment).check()
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
