"""Which device a run uses."""

from __future__ import annotations

import torch

from orderparam.errors import TrainingError


def resolve_device(name: str) -> torch.device:
    """The configured device; `auto` is CUDA, else Apple MPS, else the CPU.

    Raises TrainingError when a device that this machine lacks is asked for by name.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    device = torch.device(name)
    count = torch.cuda.device_count() if cuda else 0
    missing_cuda = device.type == "cuda" and (device.index or 0) >= count
    if missing_cuda or (device.type == "mps" and not mps):
        available = [*(f"cuda:{i}" for i in range(count)), *(["mps"] if mps else []), "cpu"]
        raise TrainingError(
            f"device {name!r} is configured, but this machine has {', '.join(available)} only; "
            "set training.device to one of these or to auto"
        )
    return device
