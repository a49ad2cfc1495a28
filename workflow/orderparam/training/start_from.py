"""Initial weights that are another run's final ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orderparam.errors import TrainingError
from orderparam.model.gpt import build_model_of_run
from orderparam.settings.experiment import Run, Seeds
from orderparam.training.checkpoints import checkpoint_path, load_weights
from orderparam.training.engine import Weights


@dataclass(frozen=True)
class Start:
    """Initial weights of one seed, and the sha256 of the file that they come from."""

    weights: Weights
    sha256: str


def load_starts(
    run: Run, seeds: Sequence[Seeds], vocabulary_size: int, checkpoints: Path | None
) -> list[Start] | None:
    """For each seed the final weights of the run that `run.start_from` names; None if it names none.

    `checkpoints` is the folder of that run's checkpoints. Raises TrainingError when it is missing or not
    wanted, has no final checkpoint of a seed, or one of another size, shape or vocabulary, and RecordError
    when a checkpoint is damaged.
    """
    if run.start_from is None:
        if checkpoints is not None:
            raise TrainingError(
                f"{run.size} has no start_from, but was given weights to start from: {checkpoints}"
            )
        return None
    if checkpoints is None:
        raise TrainingError(
            f"{run.size} starts from the final weights of {run.start_from}: give the folder of its "
            "checkpoints (--start-from)"
        )
    return [_load_start(run, each.seed, vocabulary_size, checkpoints) for each in seeds]


def _load_start(run: Run, seed: int, vocabulary_size: int, checkpoints: Path) -> Start:
    found = sorted(checkpoint_path(checkpoints, seed, 0).parent.glob("step-*.safetensors"))
    if not found:
        raise TrainingError(
            f"{run.size} starts from {run.start_from}, but {checkpoints} has no checkpoint of seed {seed}; "
            f"train {run.start_from} with that seed first"
        )
    path = found[-1]
    weights, description = load_weights(path)
    source = Run.from_dict(description["run"])
    if source.size != run.start_from or description["measured"]["step"] != source.steps:
        raise TrainingError(
            f"{run.size} starts from the final weights of {run.start_from}, but {path} has those of "
            f"{source.size} at step {description['measured']['step']} of {source.steps}"
        )
    wanted = build_model_of_run(run, 0, vocabulary_size).state_dict()
    shapes = [{name: list(tensor.shape) for name, tensor in each.items()} for each in (wanted, weights)]
    for name in sorted(wanted.keys() | weights.keys()):
        needed, given = (each.get(name, "missing") for each in shapes)
        if needed != given:
            raise TrainingError(
                f"{run.size} cannot start from {run.start_from}: {name} must be {needed}, but in {path} it "
                f"is {given}; context, width, layers and the corpus's number of characters must be the same"
            )
    return Start(weights, description["sha256"])
