"""Weights as safetensors with a readable JSON beside them, to keep and to start other runs from."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from orderparam.errors import RecordError, TrainingError
from orderparam.files import read_json, remedy, sha256_of_file, write_json
from orderparam.model.gpt import GPT, build_model_of_run, count_parameters
from orderparam.settings.experiment import Run, Seeds, digest
from orderparam.training.schedule import checkpoint_steps

log = logging.getLogger(__name__)

Loaded = tuple[dict[str, Tensor], dict[str, Any]]


def checkpoint_path(folder: Path, seed: int, step: int) -> Path:
    """Where the weights of `seed` after `step` updates lie under a job's checkpoint folder."""
    return folder / f"seed-{seed}" / f"step-{step:06d}.safetensors"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Write tensors atomically to a .safetensors file, then the JSON beside it, with the file's sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").unlink(missing_ok=True)
    temporary = path.with_suffix(".partial")
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary)
    temporary.replace(path)
    write_json(path.with_suffix(".json"), seal({**description, "sha256": sha256_of_file(path)}))


def seal(description: Mapping[str, Any]) -> dict[str, Any]:
    """A description with the digest of all else in it, so that damage to its numbers is noticed too."""
    bare = {key: value for key, value in description.items() if key != "seal"}
    return {**bare, "seal": digest(bare)}


def load_weights(path: Path) -> Loaded:
    """What `write_tensors` wrote, and its description; RecordError when missing, damaged or not matching."""
    description = read_json(path.with_suffix(".json"))
    try:
        if description != seal(description):
            raise RecordError(f"{path.with_suffix('.json')}: damaged; {remedy(path)}")
        found = sha256_of_file(path)
        if found != description["sha256"]:
            raise RecordError(
                f"{path}: damaged: sha256 {found} is not the {description['sha256']} of its description; "
                f"{remedy(path)}"
            )
        return load_file(path), description
    except (OSError, SafetensorError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"{path}: not readable weights ({error}); {remedy(path)}") from None


def save_checkpoint(folder: Path, model: GPT, run: Run, seeds: Seeds, measured: dict[str, Any]) -> None:
    """Write the weights, then the JSON that says of which run they are and what was measured."""
    description = {
        "run": run.to_dict(),
        "seeds": asdict(seeds),
        "vocabulary_size": model.head.out_features,
        "parameters": count_parameters(model),
        "measured": measured,
    }
    path = checkpoint_path(folder, seeds.seed, measured["step"])
    write_tensors(path, model.state_dict(), description)


def drop_damaged(folder: Path) -> None:
    """Delete the checkpoints of one seed that are no longer as they were written, each with a warning."""
    for description in sorted(folder.glob("step-*.json")):
        try:
            load_weights(description.with_suffix(".safetensors"))
        except RecordError as error:
            log.warning("checkpoint refused: %s", str(error).partition(";")[0])
            description.with_suffix(".safetensors").unlink(missing_ok=True)
            description.unlink()


def adopt_checkpoints(folder: Path, run: Run) -> None:
    """Make the checkpoints of a run that went on with another number of steps those of `run`."""
    for description in folder.glob("seed-*/step-*.json"):
        content = read_json(description)
        if content["measured"]["step"] not in checkpoint_steps(run):
            description.with_suffix(".safetensors").unlink(missing_ok=True)
            description.unlink()
        elif content["run"] != run.to_dict():
            write_json(description, seal(content | {"run": run.to_dict()}))


def load_model(path: Path) -> GPT:
    """The model of one checkpoint, on the CPU, in evaluation mode."""
    weights, description = load_weights(path)
    model = build_model_of_run(Run.from_dict(description["run"]), 0, description["vocabulary_size"])
    model.load_state_dict(weights)
    return model.eval()


def load_starts(
    run: Run, seeds: Sequence[Seeds], vocabulary_size: int, checkpoints: Path | None
) -> list[Loaded] | None:
    """For each seed the final checkpoint of the run that `run.start_from` names; None if it names none.

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


def _load_start(run: Run, seed: int, vocabulary_size: int, checkpoints: Path) -> Loaded:
    found = sorted(checkpoint_path(checkpoints, seed, 0).parent.glob("step-*.safetensors"))
    if not found:
        raise TrainingError(
            f"{run.size} starts from {run.start_from}, but {checkpoints} has no checkpoint of seed {seed}; "
            f"train {run.start_from} with that seed first"
        )
    path = found[-1]
    weights, description = load_weights(path)
    source, step = Run.from_dict(description["run"]), description["measured"]["step"]
    if source.size != run.start_from or step != source.steps:
        raise TrainingError(
            f"{run.size} starts from the final weights of {run.start_from}, but {path} has those of "
            f"{source.size} at step {step} of {source.steps}"
        )
    try:
        build_model_of_run(run, 0, vocabulary_size).load_state_dict(weights)
    except RuntimeError as error:
        raise TrainingError(
            f"{run.size} cannot start from {run.start_from}: {path} does not fit; context, width, layers and "
            f"the corpus's number of characters must be the same. {error}"
        ) from None
    return weights, description
