"""Which of several GPUs a job has to itself: Snakemake counts them, and assigns none."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"
POLL_SECONDS = 1.0
_held: list[FileLock] = []


def visible_devices() -> list[str]:
    """The NVIDIA devices that this process may use: as CUDA_VISIBLE_DEVICES says, else all of the machine."""
    if VISIBLE in os.environ:
        return [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip()]
    return sorted(path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*"))


def lease_device() -> str | None:
    """Lock one of several devices for the life of this process, and see only that one; returns its name.

    To be called before PyTorch looks for devices. Waits until one is free. The system lifts the lock with its
    process, however that ends. Nothing is leased, and None returned, where there is no choice.
    """
    devices = visible_devices()
    if len(devices) < 2:
        return None
    # For all users and projects of this machine.
    folder = Path(tempfile.gettempdir()) / "orderparam-devices"
    folder.mkdir(exist_ok=True)
    # Its maker's, whose umask would keep others out.
    with suppress(PermissionError):
        folder.chmod(0o777)
    waiting = False
    while True:
        for device in devices:
            lock = FileLock(folder / f"{device.replace('/', '-')}.lock", timeout=0, mode=0o666)
            try:
                lock.acquire()
            except Timeout:
                continue
            _held.append(lock)
            os.environ[VISIBLE] = device
            log.info("the device %s of %s is this job's", device, ", ".join(devices))
            return device
        if not waiting:
            log.info("all devices are leased to other jobs (%s); waiting for one", ", ".join(devices))
            waiting = True
        time.sleep(POLL_SECONDS)
