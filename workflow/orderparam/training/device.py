"""Which device a run uses, and in which precision."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from orderparam.errors import TrainingError
from orderparam.settings.experiment import Run
from orderparam.training.lease import lease_device

log = logging.getLogger(__name__)


def resolve_device(name: str, lease: bool = True) -> torch.device:
    """The configured device; `auto` is CUDA, else Apple MPS, else the CPU.

    Of several CUDA devices this process leases one that no other job has, unless one is named by its number.

    Raises TrainingError when a device that this machine lacks is asked for by name.
    """
    if lease and name in ("auto", "cuda") and not torch.cuda.is_initialized():
        lease_device()
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


def resolve_precision(run: Run, device: torch.device) -> str:
    """The configured precision; elsewhere than on CUDA float32, with a warning where the device is `auto`.

    Raises TrainingError when a device without tf32 and bf16 is asked for by name together with one of them.
    """
    if device.type == "cuda" or run.precision == "float32":
        return run.precision
    if run.device == "auto":
        log.warning("training.precision is %s, for CUDA only; on %s it is float32", run.precision, device)
        return "float32"
    raise TrainingError(
        f"training.precision is {run.precision!r}, which is for CUDA only, but training.device is "
        f"{run.device!r}; set the precision to float32, or the device to cuda or auto"
    )


@contextmanager
def matmul_precision(precision: str) -> Iterator[None]:
    """Products of float32 factors within the block are in TF32 if `precision` is tf32, else in float32."""
    previous = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(previous)


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """A context for forward passes, whose products are in bfloat16 if `precision` is bf16."""
    if precision != "bf16":
        return nullcontext()
    # PyTorch frees its cache of cast weights after a step; a CUDA graph would go on reading it.
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)
