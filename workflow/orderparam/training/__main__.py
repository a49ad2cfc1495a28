"""Train one job without the workflow, for machines that have PyTorch and pandas only.

PYTHONPATH=workflow python3 -m orderparam.config run paper 10K > run.json
PYTHONPATH=workflow python3 -m orderparam.training run.json --corpus CORPUS_FOLDER --out FOLDER
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from orderparam.errors import OrderParameterError
from orderparam.experiment import Run, Seeds
from orderparam.records import read_json
from orderparam.training.job import JobPaths, train_job


def main() -> int:
    """Parse the command line, train, report; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m orderparam.training", description=__doc__)
    parser.add_argument("run", type=Path, help="as printed by `python -m orderparam.config run`")
    parser.add_argument("--corpus", type=Path, required=True, help="has tokens.npy and vocabulary.json")
    parser.add_argument("--out", type=Path, required=True, help="folder for tables and checkpoints")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    resolved = read_json(arguments.run)
    run = Run.from_dict(resolved["run"])
    seeds = [Seeds(**seed) for seed in resolved["seeds"]]
    out: Path = arguments.out
    paths = JobPaths(out / "trajectory.parquet", out / "steps.parquet", out / "checkpoints", out / "diverged")
    corpus: Path = arguments.corpus
    try:
        train_job(run, seeds, corpus / "tokens.npy", corpus / "vocabulary.json", paths)
    except OrderParameterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
