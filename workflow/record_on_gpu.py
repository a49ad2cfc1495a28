"""Train, time and sample on a GPU all that the record of the article's protocol lacks, in bounded calls.

Here, where the project is installed, once:

    python workflow/record_on_gpu.py prepare gpu

On the machine with the card, to which the repository's files are carried with the folder gpu/, until it says
that all is done; each call ends within its minutes, and goes on where the last one was:

    PYTHONPATH=workflow python3 workflow/record_on_gpu.py go gpu --minutes 9

Here again, with what gpu/results.tar.gz holds (it lists what to add):

    orderparam recorded add paper gpu/sequential/tf32/10M ...
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from orderparam.files import write_json
from orderparam.training.stacked import COMPILE_VARIABLE

SIZES = ["10K", "0.1M", "1M", "10M"]
STACKS = (1, 8, 32)
BENCHMARK_SECONDS = 15  # of timing; compiling comes on top
# What a stopped training needs to save its snapshot; one of 10M with eleven seeds is 1.4 GB.
GRACE_SECONDS = 40.0
ORDERPARAM = [sys.executable, "-m", "orderparam"]


@dataclass(frozen=True)
class Stage:
    """A command, the file its end leaves, the least seconds worth a start, and the file it goes on from."""

    name: str
    command: list[str]
    done: Path
    seconds: float = 30.0
    needs: Path | None = None


def prepare(folder: Path, experiment: str, sizes: Sequence[str], seed: int, steps: int | None) -> None:
    """Write the runs' settings and the corpus into `folder`."""
    # The machine with the card lacks what this imports.
    from orderparam.settings.config import describe_run, load_project_settings

    settings, corpus = load_project_settings(Path.cwd()), ""
    for engine, precision in (("sequential", "tf32"), ("sequential", "bf16"), ("stacked", "bf16")):
        seeds = [seed] if engine == "sequential" else None
        for size in sizes:
            run = describe_run(settings, experiment, size, seeds, precision, steps)
            write_json(folder / engine / precision / f"{size}.json", run)
            corpus = run["run"]["corpus"]
    (folder / "corpus").mkdir(exist_ok=True)
    for name in ("tokens.npy", "vocabulary.json"):
        shutil.copyfile(Path("results/corpora", corpus, name), folder / "corpus" / name)
    (folder / "sizes.json").write_text(json.dumps(list(sizes)))


def stages(folder: Path, stacked: bool) -> Iterator[Stage]:
    """What is to be done, the most wanted first."""
    if find_spec("pytest"):
        tests = "tests/training/test_stacked_cuda.py"
        yield Stage("test", [sys.executable, "-m", "pytest", "-q", tests], folder / "tested")
    yield from _training(folder, "sequential", "tf32")
    yield from _training(folder, "sequential", "bf16")
    for size in json.loads((folder / "sizes.json").read_text()):
        for stack in STACKS:
            table = folder / "benchmark" / f"{size}-{stack}.csv"
            command = [*ORDERPARAM, "benchmark", str(folder / "sequential" / "tf32" / f"{size}.json")]
            command += ["--corpus", str(folder / "corpus"), "--out", str(table)]
            command += ["--seconds", str(BENCHMARK_SECONDS), "--stacks", str(stack)]
            yield Stage(
                f"benchmark {size} {stack}", command, table.with_suffix(".json"), 3 * BENCHMARK_SECONDS
            )
    if stacked:
        yield from _training(folder, "stacked", "bf16")


def _training(folder: Path, engine: str, precision: str) -> Iterator[Stage]:
    corpus = ["--corpus", str(folder / "corpus")]
    for size in json.loads((folder / "sizes.json").read_text()):
        run, out = folder / engine / precision / f"{size}.json", folder / engine / precision / size
        # In bf16 with fused kernels a step of 10M takes a third of the time: docs/engine.md.
        compiled = ["env", f"{COMPILE_VARIABLE}=on"] if engine == "stacked" else []
        options = [*corpus, "--out", str(out), "--snapshot-seconds", "60"]
        train = [*compiled, *ORDERPARAM, "train", str(run), *options]
        trained = out / "trajectory.parquet"
        yield Stage(f"train {engine} {precision} {size}", train, trained)
        extract = [*ORDERPARAM, "recorded", "extract", str(run), str(out), *corpus]
        yield Stage(
            f"extract {engine} {precision} {size}", extract, out / "sample_quality.csv", 120, needs=trained
        )


def go(folder: Path, minutes: float, *, stacked: bool, clock: Callable[[], float] = time.monotonic) -> bool:
    """Do what the minutes suffice for; whether all is done.

    A stage that fails is told and passed over, so that one fault does not cost the others; the next call
    tries it again.
    """
    deadline = clock() + 60 * minutes - GRACE_SECONDS
    failed, short = [], []
    for stage in stages(folder, stacked):
        if stage.done.exists():
            continue
        left = deadline - clock()
        if left < min(stage.seconds, 30 * minutes) or not (stage.needs is None or stage.needs.exists()):
            short.append(stage.name)
            continue
        print(f"{stage.name}: {left:.0f} s left", flush=True)
        began = clock()
        ended = _run(stage.command, left)
        print(f"{stage.name}: {ended}, {clock() - began:.0f} s", flush=True)
        if ended == "stopped":
            short.append(stage.name)
        elif ended == "done":
            stage.done.parent.mkdir(parents=True, exist_ok=True)
            stage.done.touch()
        else:
            failed.append(stage.name)
    _pack(folder)
    for name, what in (("failed", failed), ("not begun or not ended", short)):
        if what:
            print(f"{name}: {', '.join(what)}")
    return not failed and not short


def _run(command: list[str], seconds: float) -> str:
    """done, stopped (by SIGTERM, on which a training saves a snapshot), or failed with its exit status."""
    with subprocess.Popen(command) as process:
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            return "stopped"
    return "done" if status == 0 else f"failed with status {status}"


def _pack(folder: Path) -> None:
    """All but checkpoints, snapshots and the corpus, in results.tar.gz."""
    left_out = {"checkpoints", "unfinished", "corpus", "results.tar.gz"}
    archive = folder / "results.tar.gz"
    with tarfile.open(archive.with_suffix(".part"), "w:gz") as file:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if path.is_file() and path.suffix != ".part" and not left_out.intersection(inside.parts):
                file.add(path, inside)
    archive.with_suffix(".part").rename(archive)
    added = ("sequential/tf32", "stacked/bf16")
    finished = [
        str(path.parent) for each in added for path in sorted(folder.glob(f"{each}/*/sample_quality.csv"))
    ]
    print(
        json.dumps({"results": str(archive), "megabytes": archive.stat().st_size / 1e6, "to add": finished})
    )


def main() -> int:
    """Parse the command line; 0 if all is done, 75 (try again) if not."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("prepare", "go"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=9.0, help="of a call of go; default: 9")
    parser.add_argument(
        "--without-stacks", action="store_true", help="only runs of one seed, and the benchmark"
    )
    parser.add_argument("--experiment", default="paper", help="to prepare; default: paper")
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="to prepare; default: all of paper")
    parser.add_argument("--seed", type=int, default=1337, help="of the runs of one seed; default: 1337")
    parser.add_argument("--steps", type=int, help="fewer than configured, to try it")
    options = parser.parse_args()
    if options.action == "prepare":
        prepare(options.folder, options.experiment, options.sizes, options.seed, options.steps)
        return 0
    return 0 if go(options.folder, options.minutes, stacked=not options.without_stacks) else 75


if __name__ == "__main__":
    sys.exit(main())
