"""What is checked before the first job: devices, texts of the user's own, lengths, free disk space."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from orderparam.analysis.scaling import estimate_parameters
from orderparam.errors import ConfigError, CorpusError, OrderParameterError
from orderparam.settings.experiment import Run
from orderparam.text.vocabulary import check_windows, read_vocabulary, scan_text, split_at
from orderparam.training.schedule import checkpoint_steps

# Of characters, where the corpus is not there yet.
USUAL_VOCABULARY = 100
# Two snapshots, and the next one while it is written; each has weights and two moments.
SNAPSHOT_TENSORS = 3 * 3


def check_before_start(
    root: Path,
    corpora: Mapping[str, Mapping[str, Any]],
    runs: Iterable[tuple[Run, int]],
    devices_are_here: bool = True,
) -> str:
    """Raise ConfigError, with all that would make a training job fail; else say what was estimated.

    `runs` are the runs to be trained, each with the number of its seeds, `corpora` the entries of the
    configuration. Devices are asked for where the jobs run on this machine.
    """
    runs = list(runs)
    contexts: dict[str, list[int]] = {}
    for run, _ in runs:
        contexts.setdefault(run.corpus, []).append(run.context)
    checks = [partial(_check_text, root, name, corpora[name], contexts[name]) for name in contexts]
    checks += [partial(_check_device, run) for run, _ in runs if devices_are_here]
    problems: dict[str, None] = {}
    for check in checks:
        try:
            check()
        except OrderParameterError as error:
            problems[str(error)] = None
    needed = sum(seeds * estimate_bytes(run, _vocabulary_size(root, run.corpus)) for run, seeds in runs)
    free = shutil.disk_usage(root).free
    estimate = f"training will write about {_gigabytes(needed)} (checkpoints, snapshots, tables)"
    if needed > free:
        problems[
            f"{estimate}, but {root} has {_gigabytes(free)} free; raise checkpoint_every, or free space"
        ] = None
    if problems:
        raise ConfigError("\n  ".join(["nothing was run, and nothing deleted:", *problems]))
    return f"{estimate}; {_gigabytes(free)} are free" if runs else ""


def check_links(root: Path, outputs: Iterable[str]) -> None:
    """Raise ConfigError where a folder that jobs write to is a link that leads out of the project.

    `outputs` are the paths, relative to `root`, of what is to be made. Links to files are no harm: what is
    made takes the link's place.
    """
    parts = (Path(path).parts for path in outputs)
    folders = {Path(*each[:2]) for each in parts if each[0] == "results" and len(each) > 2}
    inside, problems = root.resolve(), []
    for top in sorted({Path("results"), *folders}):
        walked = os.walk(root / top) if top in folders else ()
        for path in [root / top, *(Path(base, name) for base, names, _ in walked for name in names)]:
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                problems.append(f"{path.relative_to(root)} is a link to {path.resolve()}")
    if problems:
        raise ConfigError(
            "\n  ".join(
                [
                    "nothing was run, and nothing written or deleted: these lead out of the project; put a "
                    "folder in the place of the link, or move the whole project:",
                    *problems,
                ]
            )
        )


def _check_text(root: Path, corpus: str, entry: Mapping[str, Any], contexts: Iterable[int]) -> None:
    """Whether a text of the user's own can be read, and whether a corpus is long enough for its runs."""
    file, vocabulary = entry.get("file"), root / f"results/corpora/{corpus}/vocabulary.json"
    if file:
        try:
            _, count = scan_text(root / file, file)
        except OSError as error:
            raise CorpusError(
                f"corpus {corpus}: its file {root / file} cannot be read: {error.strerror}; put the file "
                f"there or correct corpora: {corpus}: file in the configuration"
            ) from None
    elif vocabulary.is_file():
        count = read_vocabulary(vocabulary)["tokens"]
    else:
        return
    for context in contexts:
        check_windows(range(split_at(count)), context, "training", file or corpus)
        check_windows(range(count - split_at(count)), context, "validation", file or corpus)


def _check_device(run: Run) -> None:
    if run.device == "auto" or (run.device == "cpu" and run.precision == "float32"):
        return
    # PyTorch takes seconds to import, and any machine has these.
    from orderparam.training.device import resolve_device, resolve_precision

    resolve_precision(run, resolve_device(run.device, lease=False))


def _vocabulary_size(root: Path, corpus: str) -> int:
    path = root / f"results/corpora/{corpus}/vocabulary.json"
    return len(read_vocabulary(path)["characters"]) if path.is_file() else USUAL_VOCABULARY


def estimate_bytes(run: Run, vocabulary_size: int) -> int:
    """About how much one seed of a run writes: checkpoints and snapshots in single precision, every step."""
    tensors = len(checkpoint_steps(run)) + SNAPSHOT_TENSORS
    return 4 * tensors * estimate_parameters(run.to_dict(), vocabulary_size) + 32 * run.steps


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.3g} GB"
