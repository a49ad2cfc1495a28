"""Weights as safetensors, with a readable JSON beside them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from orderparam.errors import RecordError
from orderparam.files import read_json, sha256_of_file, write_json
from orderparam.model.gpt import GPT, build_model_of_run, count_parameters
from orderparam.settings.experiment import Run, Seeds


def checkpoint_path(folder: Path, seed: int, step: int) -> Path:
    """Where the weights of `seed` after `step` updates lie under a job's checkpoint folder."""
    return folder / f"seed-{seed}" / f"step-{step:06d}.safetensors"


def save_checkpoint(folder: Path, model: GPT, run: Run, seeds: Seeds, measured: dict[str, Any]) -> None:
    """Write the weights, atomically, then the JSON that vouches for them."""
    path = checkpoint_path(folder, seeds.seed, measured["step"])
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, temporary)
    temporary.replace(path)
    description = {
        "run": run.to_dict(),
        "seeds": asdict(seeds),
        "vocabulary_size": model.head.out_features,
        "parameters": count_parameters(model),
        "measured": measured,
        "sha256": sha256_of_file(path),
    }
    write_json(path.with_suffix(".json"), description)


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights and description of one checkpoint; RecordError when missing, damaged or not matching."""
    description = read_json(path.with_suffix(".json"))
    try:
        found = sha256_of_file(path)
        if found != description["sha256"]:
            raise RecordError(
                f"{path}: sha256 {found} is not the {description['sha256']} of its description; "
                "delete the run's folder to have it trained again"
            )
        return load_file(path), description
    except (OSError, SafetensorError) as error:
        raise RecordError(f"{path}: not readable weights ({error})") from None


def load_model(path: Path) -> GPT:
    """The model of one checkpoint, on the CPU, in evaluation mode."""
    weights, description = load_weights(path)
    model = build_model_of_run(Run.from_dict(description["run"]), 0, description["vocabulary_size"])
    model.load_state_dict(weights)
    return model.eval()
