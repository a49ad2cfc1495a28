"""A copy of the project in a folder of its own, in which Snakemake really runs."""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import psutil
import yaml
from tiny_shakespeare import PATH as TINY_SHAKESPEARE

from orderparam.tracking.job_log import INDENT

PROJECT = Path(__file__).parents[2]
FIGURES = (
    "fig1_hmmt",
    "fig2_architecture",
    "fig3_loss_vs_steps",
    "fig4_loss_vs_order_parameter",
    "fig5_loss_derivative_vs_order_parameter",
)
CORPUS = "tiny_shakespeare_or_stand_in"
# Multiplies all time limits, which are there for what hangs and not for a machine that is busy.
PATIENCE = float(os.environ.get("PATIENCE", "4"))
SMOKE = ("--config", "experiment=smoke")
# One training job of a second or two.
TINY = {
    "corpus": CORPUS,
    "seeds": [1],
    "sizes": {"nano": {"d_model": 16, "n_head": 2, "n_layer": 1}},
    "training": {"context": 8, "batch_size": 4, "learning_rate": 1e-2, "steps": 20, "device": "cpu"},
    "measurement": {"measure_every": 10, "checkpoint_every": 10, "train_windows": 4, "val_windows": 4},
    "sampling": {"characters": 200},
}


@dataclass(frozen=True)
class Finished:
    """What a process left: its exit status, and stdout and stderr in one."""

    status: int
    output: str

    @property
    def told(self) -> str:
        """The output with each message on one line again, however it was wrapped."""
        return self.output.replace(f"\n{INDENT}", " ")

    @property
    def last_line(self) -> str:
        return self.output.rstrip().splitlines()[-1]

    def jobs(self) -> Counter[str]:
        """The jobs that were run to their end, by rule."""
        return Counter(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)$", self.output, re.MULTILINE))

    def planned(self) -> Counter[str]:
        """The jobs that were to be run, by rule; of a dry run too."""
        table = re.search(r"^Job stats:\n.*\n-.*\n((?:\w+ +\d+\n)+)", self.output, re.MULTILINE)
        rows = [line.split() for line in table[1].splitlines()] if table else []
        return Counter({rule: int(count) for rule, count in rows if rule != "total"})


@dataclass(frozen=True)
class ProjectCopy:
    """The project at `root`; the folder `shared` beside it may hold the mirror of the corpora."""

    root: Path

    @classmethod
    def make(cls, root: Path, mirror: bool = True) -> ProjectCopy:
        """Copy what Git tracks or would track, without results/; link the mirror where there is one."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=PROJECT,
            capture_output=True,
            check=True,
            timeout=60,
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            if not name.startswith("results/") and (PROJECT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / name, root / name)
        project = cls(root)
        if mirror and TINY_SHAKESPEARE.is_file():
            project.link_mirror()
        return project

    def link_mirror(self) -> None:
        self.root.with_name("shared").mkdir()
        self.root.with_name("shared").joinpath("corpora").symlink_to(TINY_SHAKESPEARE.parent)

    def clone(self, folder: Path, keep_store: bool = False) -> ProjectCopy:
        """A copy with results and times; without the MLflow store, whose artifacts' paths are absolute."""
        store = () if keep_store else ("mlflow.db", "mlflow-artifacts")
        shutil.copytree(self.root.parent, folder, symlinks=True, ignore=shutil.ignore_patterns(*store))
        return ProjectCopy(folder / self.root.name)

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def store(self) -> str:
        return f"sqlite:///{self.results / 'mlflow.db'}"

    def read(self, path: str) -> str:
        return (self.root / path).read_text("utf-8")

    def write(self, path: str, text: str) -> Path:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, "utf-8")
        return self.root / path

    def replace(self, path: str, old: str, new: str) -> None:
        text = self.read(path)
        assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
        self.write(path, text.replace(old, new))

    def write_experiment(self, name: str, **changes: Any) -> None:
        """An experiment like TINY; a section in `changes` is merged with its own."""
        document = {**TINY, **changes}
        for key in TINY.keys() & changes.keys():
            if isinstance(changes[key], dict) and key != "sizes":
                document[key] = {**TINY[key], **changes[key]}
        self.write(f"config/experiments/{name}.yaml", yaml.safe_dump(document))

    def add_corpus(self, name: str, path: str) -> None:
        """What a user does by hand: an entry of an own text in config.yaml."""
        self.replace("config/config.yaml", "\ncorpora:\n", f"\ncorpora:\n  {name}: {{file: {path}}}\n")

    def rows(self, path: str) -> list[dict[str, str]]:
        with (self.root / path).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def files(self, folder: str) -> set[str]:
        """All files below a folder, hidden ones too, relative to it."""
        below = self.root / folder
        return {path.relative_to(below).as_posix() for path in below.rglob("*") if path.is_file()}

    def start(self, *arguments: str, program: tuple[str, ...] = ("-m", "snakemake")) -> subprocess.Popen[str]:
        """Start Snakemake as the leader of a process group of its own."""
        return subprocess.Popen(
            [sys.executable, *program, *arguments],
            cwd=self.root,
            env=environment(self.root),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def start_on_terminal(self, *arguments: str) -> tuple[int, subprocess.Popen[bytes]]:
        """Start Snakemake on a terminal of its own; the terminal's other end, to be read and closed."""
        ours, theirs = os.openpty()
        # A session whose leader opens a terminal gets its signals.
        start = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
        command = f"{start}; os.execv(sys.executable, [sys.executable, '-m', 'snakemake', *sys.argv[1:]])"
        process = subprocess.Popen(
            [sys.executable, "-c", command, *arguments],
            cwd=self.root,
            env=environment(self.root),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        return ours, process

    def snakemake(self, *arguments: str, timeout: float = 120) -> Finished:
        """Run Snakemake to its end; TimeoutExpired, with nothing left running, if that takes too long."""
        return finish(self.start(*arguments), timeout)

    def build(self, *arguments: str, timeout: float = 120) -> Finished:
        """Run Snakemake, which must succeed."""
        done = self.snakemake(*arguments, timeout=timeout)
        assert done.status == 0, done.output
        return done

    def shell(self, command: str, timeout: float = 120) -> Finished:
        """Run what a user would paste into a terminal at the project's root."""
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.root,
            env=environment(self.root),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE * timeout,
        )
        return Finished(done.returncode, done.stdout)


def finish(process: subprocess.Popen[str], timeout: float = 120) -> Finished:
    try:
        output, _ = process.communicate(timeout=PATIENCE * timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return Finished(process.returncode, output)


def environment(root: Path) -> dict[str, str]:
    """The caller's, with this interpreter's programs found first and nothing that would alter a run.

    The library is that of the copy at `root`, in place of the installed one.
    """
    altering = ("MLFLOW_", "SNAKEMAKE_", "ORDERPARAM_", "PYTHONPATH", "COV_", "PYTEST_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(altering)}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return {
        **kept,
        "PATH": path,
        "PYTHONPATH": str(root / "workflow"),
        "OMP_NUM_THREADS": "1",
        # Proxies would answer for the sources that must not be reached.
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + PATIENCE * seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


@contextmanager
def held_training(project: ProjectCopy, arrived: Callable[[], bool] | None = None) -> Iterator[None]:
    """Halt the project's one training, so that it cannot end before a signal sent meanwhile has arrived.

    It goes on when `arrived` says so: if None, when a signal waits for the training itself.
    """
    wait_for(lambda: len(_trainings(project)) == 1, "the training to start")
    (training,) = _trainings(project)
    training.suspend()
    # Of two signals that wait, the one with the smaller number comes first.
    wait_for(lambda: training.status() == psutil.STATUS_STOPPED, "the training to halt")
    yield
    status = Path(f"/proc/{training.pid}/status")
    waiting = re.compile(r"^(?:ShdPnd|SigPnd):\t0*[1-9a-f]", re.MULTILINE)
    wait_for(
        arrived or (lambda: not training.is_running() or bool(waiting.search(status.read_text()))), "a signal"
    )
    with suppress(psutil.NoSuchProcess):
        training.resume()


def _trainings(project: ProjectCopy) -> list[psutil.Process]:
    root = str(project.root)
    jobs = [job for job in psutil.process_iter(["cwd", "cmdline"]) if job.info["cwd"] == root]
    return [job for job in jobs if "train_model" in " ".join(job.info["cmdline"] or [])]


def closed_port() -> int:
    """A port on loopback at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def loopback_sources(port: int) -> str:
    """A --configfile that sends all downloads to a port of this machine."""
    urls = [f"http://127.0.0.1:{port}/input.txt"]
    return yaml.safe_dump({"corpora": {name: {"urls": urls} for name in ("tiny_shakespeare", CORPUS)}})


def texts_of(svg: str) -> str:
    """The words of a figure, in the order in which they were drawn."""
    found = re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", "", text)) for text in found)
