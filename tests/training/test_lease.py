"""Made-up GPUs are leased to jobs one each, by real processes, some of which are killed."""

import os
import signal
import stat
import subprocess
import sys

import pytest

from orderparam.training import lease
from orderparam.training.device import resolve_device

# As a job does, in a script of Snakemake; then it works until its input ends.
JOB = """
import os, sys
from orderparam.training.lease import lease_device
print(lease_device(), os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(tmp_path):
    """A function that starts a job which may see these devices."""
    jobs = []

    def begin(devices: str = "0,1,GPU-2a"):
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": devices, "TMPDIR": str(tmp_path)}
        job = subprocess.Popen(
            [sys.executable, "-c", JOB],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        jobs.append(job)
        return job

    yield begin
    for job in jobs:
        job.kill()
        job.wait()
        for pipe in (job.stdin, job.stdout):
            pipe.close()


def device_of(job) -> str:
    leased, seen = job.stdout.readline().split()
    assert leased == seen
    return leased


def test_each_job_has_a_device_to_itself_and_the_next_one_that_of_the_killed(start):
    jobs = [start() for _ in range(3)]
    of = {device_of(job): job for job in jobs}
    assert of.keys() == {"0", "1", "GPU-2a"}
    waiting = start()
    of["1"].send_signal(signal.SIGKILL)
    assert device_of(waiting) == "1"
    # Nor does it matter how a job ends, or that another sees the devices in another order.
    of["GPU-2a"].stdin.close()
    of["0"].send_signal(signal.SIGTERM)
    assert [of[name].wait() for name in ("GPU-2a", "0")] == [0, -signal.SIGTERM]
    assert {device_of(start("GPU-2a,1,0")), device_of(start("0,1"))} == {"GPU-2a", "0"}


def test_where_there_is_no_choice_nothing_is_leased(monkeypatch, tmp_path):
    monkeypatch.setattr(lease.tempfile, "gettempdir", lambda: str(tmp_path))
    for devices in ("", "3"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
        assert lease.lease_device() is None
    # Nor by a run that names its device.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert resolve_device("cpu").type == "cpu"
    assert not list(tmp_path.iterdir())


def test_the_device_of_a_run_is_leased_before_pytorch_looks_for_it(monkeypatch, tmp_path):
    monkeypatch.setattr(lease.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    monkeypatch.setattr(lease, "_held", [])
    resolve_device("auto")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4"
    # Other users of the machine lease by the same files, and make their own beside them.
    (folder,) = tmp_path.iterdir()
    (file,) = folder.iterdir()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, file)] == [0o777, 0o666]
    for lock in lease._held:
        lock.release()
