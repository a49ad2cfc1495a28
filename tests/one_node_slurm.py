"""A Slurm of one node on this machine, for tests.

    python tests/one_node_slurm.py start FOLDER > settings && . ./settings
    python tests/one_node_slurm.py stop FOLDER

Debian's slurm-wlm and munge are needed (`apt install slurm-wlm munge`), and root's rights, since slurmd
starts jobs for others. All else lies in FOLDER: configuration, key, state and logs. The node has two cores,
and GPUs that are made up.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "scontrol")
SECONDS_TO_START = 60
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MinJobAge=600
KillWait=15
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=64000 Gres=gpu:{gpus} State=UNKNOWN
PartitionName=batch Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Why there can be no such Slurm here; None where there can."""
    lacking = [program for program in PROGRAMS if not shutil.which(program)]
    if lacking:
        return f"there is no {lacking[0]}: apt install slurm-wlm munge"
    return None if os.geteuid() == 0 else "slurmd needs root's rights"


def start(folder: Path, gpus: int = 1) -> dict[str, str]:
    """Start it; returns what the environment of its users must have. Raises RuntimeError if it does not."""
    folder = folder.resolve()
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "munge.key").write_bytes(secrets.token_bytes(128))
    (folder / "munge.key").chmod(0o600)
    devices = [folder / f"gpu{number}" for number in range(gpus)]
    for device in devices:
        # What Slurm takes for a device: another name of /dev/null.
        os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    host = socket.gethostname().split(".")[0]
    values = {"host": host, "user": "root", "gpus": gpus, "folder": folder}
    values |= dict(zip(("controller", "daemon"), _free_ports(2), strict=True))
    (folder / "slurm.conf").write_text(CONFIGURATION.format(**values))
    (folder / "gres.conf").write_text("".join(f"Name=gpu File={device}\n" for device in devices))
    # The executor takes all SLURM_ variables from the environment in which it calls srun.
    program = folder / "bin/srun"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
    program.chmod(0o755)
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}
    munged = [f"--{name}={folder}/munge.{ending}" for name, ending in _MUNGE.items()]
    commands = [["munged", "--force", *munged], ["slurmctld", "-c"], ["slurmd", "-c", "-N", host]]
    for command in commands:
        # Their output goes to a file: a daemon keeps a pipe open for ever.
        with (folder / "start.log").open("a") as log:
            subprocess.run(
                command,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=True,
                timeout=SECONDS_TO_START,
            )
    deadline = time.monotonic() + SECONDS_TO_START
    while _state(environment) != "idle":
        if time.monotonic() > deadline:
            stop(folder)
            raise RuntimeError(f"the node did not become idle: {folder}/slurmctld.log, slurmd.log, start.log")
        time.sleep(0.5)
    return environment


_MUNGE = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}


def stop(folder: Path) -> None:
    """Stop it, with the jobs that run, and wait until its processes are gone."""
    environment = {**os.environ, "SLURM_CONF": str(folder.resolve() / "slurm.conf")}
    subprocess.run(["scancel", "--user=root"], env=environment, capture_output=True, timeout=60, check=False)
    for name in ("slurmd", "slurmctld", "munge"):
        try:
            process = int((folder / f"{name}.pid").read_text())
            os.kill(process, signal.SIGTERM)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            continue
        deadline = time.monotonic() + 30
        while Path(f"/proc/{process}").exists():
            if time.monotonic() > deadline:
                os.kill(process, signal.SIGKILL)
            time.sleep(0.1)


def _state(environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["sinfo", "--noheader", "--format=%T"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


if __name__ == "__main__":
    action, where = sys.argv[1], Path(sys.argv[2])
    if reason := missing():
        sys.exit(reason)
    if action == "start":
        print("\n".join(f"export {name}={value}" for name, value in start(where).items()))
    else:
        stop(where)
