"""SIGKILL at random moments of a smoke run, to any of its processes: `make test-faults KILLS=100`."""

from __future__ import annotations

import os
import random
import re
import select
import shutil
import sqlite3
import time
from contextlib import closing

import psutil
import pytest
from project_copy import SMOKE, ProjectCopy, finish, held_training

from orderparam.files import read_json

KILLS = int(os.environ.get("KILLS", "5"))
# What tells times, or is a view of the records.
PASSING = re.compile(r"/(jobs|logs|kept|\.tracking|mlflow-artifacts)/|/\.|\.benchmark\.tsv$|mlflow\.db")


def results_of(project: ProjectCopy) -> dict[str, bytes]:
    paths = (path for path in project.results.rglob("*") if path.is_file())
    named = {f"/{path.relative_to(project.results).as_posix()}": path for path in paths}
    return {name: path.read_bytes() for name, path in named.items() if not PASSING.search(name)}


def check_store(project: ProjectCopy) -> None:
    """Each record's run is in the store once, with the record's status, and none is left running."""
    query = (
        "SELECT tags.value, runs.status FROM runs JOIN tags ON runs.run_uuid = tags.run_uuid "
        "WHERE tags.key = 'record'"
    )
    with closing(sqlite3.connect(project.results / "mlflow.db")) as connection:
        rows = connection.execute(query).fetchall()
    told = {identity: status for identity, status in rows if " " not in identity}
    assert len(told) == sum(" " not in identity for identity, _ in rows)
    records = [read_json(path) for path in project.results.glob("*/jobs/**/*.json")]
    assert {record["id"]: record["status"] for record in records} == told
    assert "RUNNING" not in {status for _, status in rows}


def kill_one(process, rng: random.Random) -> str:
    """Kill Snakemake or one of its descendants; returns what it was."""
    try:
        workflow = psutil.Process(process.pid)
        victim = rng.choice([workflow, *workflow.children(recursive=True)])
        name = "Snakemake" if victim == workflow else " ".join(victim.cmdline())[-60:]
        victim.kill()
        return name
    except psutil.NoSuchProcess:
        return "nobody: it had ended"


@pytest.mark.slow
def test_killed_at_random_the_next_plain_command_ends_as_if_nothing_had_happened(
    smoke, smoke_output, tmp_path
):
    seed = time.time_ns()
    rng = random.Random(seed)
    whole = results_of(smoke)
    minutes, seconds = re.findall(r"Elapsed time: 0:(\d+):(\d+)", smoke_output.output)[-1]
    for kill in range(KILLS):
        project = smoke.clone(tmp_path / str(kill))
        shutil.rmtree(project.results / "smoke")
        shutil.rmtree(project.root / ".snakemake")
        if rng.random() < 0.3:
            shutil.rmtree(project.results / "corpora")
        process = project.start("--cores", "2", *SMOKE)
        time.sleep(rng.uniform(0, 1.1 * (60 * int(minutes) + int(seconds))))
        victim = kill_one(process, rng)
        done = finish(process, 600)
        again = project.snakemake("--cores", "2", *SMOKE, timeout=900)
        told = f"seed {seed}, kill {kill} of {victim}\n{done.output}\n{'=' * 80}\n{again.output}"
        assert again.status == 0, told
        found = results_of(project)
        assert found.keys() == whole.keys(), told
        assert [name for name in whole if found[name] != whole[name]] == [], told
        check_store(project)
        print(f"kill {kill}: {victim}")
        shutil.rmtree(tmp_path / str(kill))


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_a_closed_terminal_ends_all_orderly(smoke_clone):
    project = smoke_clone
    project.write_experiment("long", training={"steps": 20000}, measurement={"checkpoint_every": 10000})
    terminal, process = project.start_on_terminal("--cores", "1", "results/long/metrics.csv")
    first = project.results / "long/unfinished/nano/seeds-1-1/checkpoints/seed-1/step-000000.json"
    begun = time.monotonic()
    while not first.exists() and time.monotonic() - begun < 300:
        # Nobody else reads what is printed there; where nothing is, a read would wait for the training's end.
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 65536)
    with held_training(project):
        os.close(terminal)
    assert process.wait(timeout=300) != 0
    record = read_json(project.results / "long/jobs/train_model.nano-seeds-1-1.json")
    assert record["status"] == "KILLED"
    assert list((project.results / "long/unfinished/nano/seeds-1-1/seed-1").glob("step-*.json"))
    assert not list((project.root / ".snakemake/locks").glob("*"))
    assert not [each for each in psutil.process_iter(["cwd"]) if each.info["cwd"] == str(project.root)]


@pytest.mark.slow
def test_two_copies_of_a_project_run_at_once(smoke, tmp_path):
    whole = results_of(smoke)
    copies = [smoke.clone(tmp_path / name, keep_store=True) for name in ("one", "two")]
    original = {path: path.read_bytes() for path in smoke.results.rglob("*") if path.is_file()}
    for copy in copies:
        # All but the records: what lies before a result that is there is not made anew.
        for path in (copy.results / "smoke").iterdir():
            if path.is_dir() and path.name != "jobs":
                shutil.rmtree(path)
            elif path.is_file():
                path.unlink()
    processes = [copy.start("--cores", "1", *SMOKE) for copy in copies]
    for copy, process in zip(copies, processes, strict=True):
        done = finish(process, 900)
        assert done.status == 0, done.output
        assert results_of(copy) == whole
        check_store(copy)
    assert {path: path.read_bytes() for path in smoke.results.rglob("*") if path.is_file()} == original
