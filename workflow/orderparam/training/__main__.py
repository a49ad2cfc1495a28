"""Train one job without the workflow, for machines that have PyTorch and pandas only.

PYTHONPATH=workflow python3 -m orderparam.settings.config run paper 10K > run.json
PYTHONPATH=workflow python3 -m orderparam.training run.json --corpus CORPUS_FOLDER --out FOLDER

All seeds of run.json are trained: at once on CUDA, one after the other elsewhere. FOLDER gets the tables,
the checkpoints, and environment.json, which says with what they were made and how long that took.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
import time
from pathlib import Path

from orderparam.environment import describe_environment
from orderparam.errors import OrderParameterError
from orderparam.files import read_json, write_json
from orderparam.settings.experiment import Run, Seeds
from orderparam.training.device import resolve_device
from orderparam.training.job import JobPaths, drop_unfinished, train_job
from orderparam.training.run import SNAPSHOT_SECONDS, Durations


def main() -> int:
    """Parse the command line, train, report; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m orderparam.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, help="as printed by `python -m orderparam.settings.config run`")
    parser.add_argument("--corpus", type=Path, required=True, help="has tokens.npy and vocabulary.json")
    parser.add_argument("--out", type=Path, required=True, help="folder for tables and checkpoints")
    parser.add_argument("--start-from", type=Path, help="checkpoints folder of the run that start_from names")
    parser.add_argument("--snapshot-seconds", type=float, default=SNAPSHOT_SECONDS)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    out: Path = arguments.out
    paths = JobPaths(
        trajectory=out / "trajectory.parquet",
        steps=out / "steps.parquet",
        checkpoints=out / "checkpoints",
        unfinished=out / "unfinished",
        diverged=out / "diverged",
    )
    corpus: Path = arguments.corpus
    began, durations = time.perf_counter(), Durations()
    try:
        resolved = read_json(arguments.run)
        run = Run.from_dict(resolved["run"])
        seeds = [Seeds(**seed) for seed in resolved["seeds"]]
        device = resolve_device(run.device)
        environment = describe_environment(
            device,
            run.precision if device.type == "cuda" else "float32",
            shlex.join(["python3", "-m", "orderparam.training", *sys.argv[1:]]),
            resolved.get("commit"),
        )
        train_job(
            run,
            seeds,
            corpus / "tokens.npy",
            corpus / "vocabulary.json",
            paths,
            snapshot_seconds=arguments.snapshot_seconds,
            start_from=arguments.start_from,
            durations=durations,
        )
    except OrderParameterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    took = {"seconds": time.perf_counter() - began, **durations.to_dict(), "seeds": len(seeds)}
    write_json(out / "environment.json", environment | took)
    drop_unfinished(paths.unfinished)
    return 0


if __name__ == "__main__":
    sys.exit(main())
