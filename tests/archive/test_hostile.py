"""What another machine sent is refused with a clear error, and nothing of it reaches the record."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from anything import KEYS, MANY, VALUES, spoil, with_value
from hypothesis import example, given
from hypothesis import strategies as st
from test_recorded import add, experiment, make_job  # noqa: F401

from orderparam.archive.job import read_job
from orderparam.errors import RecordError
from orderparam.files import read_json
from orderparam.tables import find_table, read_table, write_table


@pytest.fixture
def job(make_job):  # noqa: F811
    return make_job()


def change_json(name, change):
    def damage(folder):
        content = read_json(folder / name)
        change(content)
        (folder / name).write_text(json.dumps(content))

    return damage


def change_table(name, change):
    return lambda folder: write_table(change(read_table(folder / name)), folder / name)


def link(name, target):
    def damage(folder):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return damage


def seed(value):
    return change_json("run.json", lambda content: content["seeds"][0].update(seed=value))


def in_run(key, value):
    return change_json("run.json", lambda content: content["run"].update({key: value}))


def write(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def pipe(folder):
    (folder / "environment.json").unlink()
    os.mkfifo(folder / "environment.json")


def scores(**values):
    """A table of scored samples with these values in its one row."""
    row = {"size": "small", "seed": 1, "checkpoint": "last", "step": 20, "sample": 0, "quantity": "words"}

    def damage(folder):
        table = find_table("sample_quality.csv").frame([{**row, "value": 0.5, **values}])
        write_table(table, folder / "sample_quality.csv")

    return damage


def column(name, values):
    """The table of every step with another column of that name; `values` are given how many there are."""

    def damage(folder):
        table = pq.read_table(folder / "steps.parquet")
        at = table.schema.get_field_index(name)
        pq.write_table(table.set_column(at, name, values(table.num_rows)), folder / "steps.parquet")

    return damage


def in_text(name, old, new):
    def damage(folder):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return damage


def link_folder(folder):
    (folder / "samples").rename(folder.parent / "elsewhere")
    (folder / "samples").symlink_to(folder.parent / "elsewhere")


HOSTILE = {
    "a path as seed": (seed("x/../../.."), r"seeds\[0\].seed: found .*an integer"),
    "a fraction as seed": (seed(1.5), r"seeds\[0\].seed"),
    "a boolean as seed": (seed(True), r"seeds\[0\].seed"),
    "no seeds": (change_json("run.json", lambda content: content.update(seeds=[])), "seeds: found"),
    "a seed twice": (change_json("run.json", lambda c: c.update(seeds=c["seeds"] * 2)), "not distinct"),
    "a list": (write("run.json", b"[1]"), "found no object"),
    "no run": (change_json("run.json", lambda content: content.pop("run")), "run: found no such key"),
    "a path as size": (in_run("size", "../../x"), "run.size: found"),
    "a text as width": (in_run("d_model", "wide"), "run.d_model: found"),
    "a key of another kind": (in_run("shell", "rm"), "run.shell: found an unknown key"),
    "nested too deeply": (write("run.json", b"[" * 100_000), "run.json: not valid JSON"),
    "a number beyond floats": (write("run.json", b"1" * 5000), "run.json: "),
    "a huge description": (write("run.json", b" " * 2_000_000), "at most 1,000,000"),
    "an environment that is a link": (link("environment.json", "/etc/hostname"), "is a link"),
    "an environment that is a pipe": (pipe, "no regular file"),
    "an environment of lists": (
        change_json("environment.json", lambda c: c.update(cpu=[1])),
        "'cpu' must be",
    ),
    "lines in a name": (
        change_json("environment.json", lambda c: c.update(device_name="a\n| b")),
        "'device_name'",
    ),
    "no duration": (change_json("environment.json", lambda content: content.pop("seconds")), "lacks seconds"),
    "a sample that is a link": (link("samples/seed-1-evaluation.txt", "/etc/passwd"), "is a link"),
    "a table that is a link": (link("metrics.csv", "/etc/passwd"), "is a link"),
    "a long sample": (write("samples/seed-1-evaluation.txt", b"x" * 1000), "at most 40"),
    "a sample that is no text": (write("samples/seed-1-evaluation.txt", b"\xff"), "not UTF-8"),
    "rows of another seed": (
        change_table("metrics.csv", lambda t: t.assign(seed=9)),
        "the seeds .1. of run.json",
    ),
    "another seed besides": (
        change_table("verification.csv", lambda t: pd.concat([t, t.assign(seed=2)])),
        "the seeds .1. of run.json",
    ),
    "another size": (change_table("steps.parquet", lambda t: t.assign(size="other")), "the size small"),
    "not a number": (
        change_table("metrics.csv", lambda t: t.assign(order_parameter=np.nan)),
        "finite number",
    ),
    "one that is not": (
        change_table("steps.parquet", lambda t: t.assign(batch_loss=t["batch_loss"].where(t["step"] != 3))),
        "batch_loss must be a finite number",
    ),
    "infinity": (
        change_table("metrics.csv", lambda t: t.assign(val_loss=np.inf)),
        "val_loss must be a finite",
    ),
    "a loss that is text": (
        change_table("metrics.csv", lambda t: t.assign(val_loss="low")),
        "val_loss must be",
    ),
    "steps that are text": (
        change_table("metrics.csv", lambda t: t.assign(step="a")),
        "step must be a number",
    ),
    "no last step": (change_table("metrics.csv", lambda t: t[:-1]), "lacks step 20 of run.json"),
    "a step beyond": (change_table("metrics.csv", lambda t: t.replace({"step": {0: 21}})), "beyond the 20"),
    "a row twice": (change_table("metrics.csv", lambda t: pd.concat([t, t[:1]])), "a row twice"),
    "steps missing": (change_table("steps.parquet", lambda t: t[:-1]), "must have steps 0 to 19"),
    "very many steps": (change_table("steps.parquet", lambda t: pd.concat([t] * 9)), "run.json allows 21"),
    "a column of another kind": (write("metrics.csv", b"size,seed,step,shell\n"), "expected the columns"),
    "an empty table": (change_table("metrics.csv", lambda t: t[:0]), "metrics.csv: "),
    "scores of another seed": (scores(seed=2), "sample_quality.csv: must have the size small"),
    "a score that is none": (scores(value=np.nan), "value must be a finite number"),
    "scores that are a link": (link("sample_quality.csv", "/etc/passwd"), "is a link"),
    "samples behind a link": (link_folder, "samples: is a link"),
    "a sample that leads nowhere": (link("samples/seed-1-evaluation.txt", "nowhere"), "is a link"),
    "a duration beyond floats": (
        change_json("environment.json", lambda content: content.update(seconds=10**400)),
        "'seconds' must be",
    ),
    "no verification": (lambda folder: (folder / "verification.csv").unlink(), "this job has no such table"),
    "sizes in lists": (column("size", lambda n: pa.array([["small"]] * n)), "not a readable table"),
    "losses in sections": (column("batch_loss", lambda n: pa.array([{"a": 1.0}] * n)), "batch_loss must be"),
    "times as losses": (
        column("batch_loss", lambda n: pa.array([0] * n, pa.timestamp("us"))),
        "batch_loss must be a finite number",
    ),
    "yes as a loss": (column("batch_loss", lambda n: pa.array([True] * n)), "batch_loss must be a finite"),
    "a gigabyte in a few bytes": (
        column("size", lambda n: pa.array(["x" * 50_000_000] * n)),
        r"unpacks to 50,\d+,\d+ bytes",
    ),
    "a key twice": (in_text("run.json", '"run": {', '"run": {}, "run": {'), "the key 'run' is there twice"),
    "lists in 900 levels": (
        write("run.json", b'{"run":{},"seeds":' + b"[" * 900 + b"]" * 900 + b"}"),
        "values in very many levels",
    ),
    "a duration below zero": (in_text("environment.json", "5400.0", "-1"), "'seconds' must be a number"),
    "a duration of true": (in_text("environment.json", "5400.0", "true"), "'seconds' must be a number"),
    "very many columns": (write("metrics.csv", b"c," * 200_000), "its first line is longer"),
    "half a character": (in_text("environment.json", "a processor", "\\ud800"), "'device_name' must be"),
    "signs that turn the line": (
        in_text("environment.json", "a processor", "\\u202e a"),
        "'device_name' must be",
    ),
    "probes that lead nowhere": (link("probes.csv", "nowhere"), "probes.csv: is a link"),
    "a sample that is a pipe": (lambda f: os.mkfifo(f / "samples/seed-1-dropout.txt"), "no regular file"),
    "losses beyond single precision": (
        change_table("steps.parquet", lambda t: t.assign(batch_loss=1e300)),
        "batch_loss must be a finite number",
    ),
    "probes beyond the last step": (
        change_table("probes.csv", lambda t: t.assign(step=21)),
        "probes.csv: has steps beyond the 20 of run.json",
    ),
    "scores beyond the last step": (scores(step=21), "has steps beyond the 20 of run.json"),
    "what was probed in lines": (
        change_table("probes.csv", lambda t: t.assign(quantity="a\n| b")),
        "quantity must be a short line of text",
    ),
    "what was scored without end": (scores(quantity="x" * 5000), "quantity must be a short line of text"),
    "a checkpoint that is a number": (scores(checkpoint=1), "checkpoint must be a short line of text"),
    "losses that were not verified": (
        change_table("verification.csv", lambda t: t.assign(loss_difference=0.5)),
        "loss_difference is beyond the tolerance of 2e-05: the run is not verified",
    ),
    "no table": (write("steps.parquet", b"PAR1 not really PAR1"), "not a readable table"),
}


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


@pytest.mark.parametrize(("damage", "message"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_folder_is_refused_and_nothing_is_written(add, job, tmp_path, damage, message):  # noqa: F811
    add(job)
    damage(job.folder)
    before = contents(tmp_path)
    with pytest.raises(RecordError, match=message) as error:
        add(read_job(job.folder))
    assert str(job.folder) in str(error.value)
    assert contents(tmp_path) == before


def test_what_is_recorded_is_what_was_checked(add, job, tmp_path, monkeypatch):  # noqa: F811
    sample, metrics = job.samples()[0], job.folder / "metrics.csv"
    checked = sample.read_bytes(), metrics.read_bytes()
    (tmp_path / "secret").write_text("secret")

    def change_meanwhile(folder):
        sample.unlink(missing_ok=True)
        sample.symlink_to(tmp_path / "secret")
        metrics.write_text("grown")

    monkeypatch.setattr("orderparam.archive.add.check_corpus", change_meanwhile)
    record = add(job)
    (found,) = record.jobs()
    assert (record.samples()[0].read_bytes(), found.table("metrics.csv").read_bytes()) == checked


def test_files_beside_those_that_are_known_stay_behind(add, job, tmp_path):  # noqa: F811
    for name in ("samples/seed-1-x.txt", "samples/seed-1-../../../x.txt", "notes.txt"):
        (job.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (job.folder / name).write_text("x")
    record = add(read_job(job.folder))
    assert not [name for name in record.sums if "x.txt" in name or "notes" in name]
    assert [path.name for path in record.samples()] == ["seed-1-evaluation.txt"]


def test_a_folder_with_no_room_above_it_is_no_job():
    with tempfile.TemporaryDirectory() as root:
        description = Path(root, "checkpoints/seed-1/step-000000.json")
        description.parent.mkdir(parents=True)
        description.write_text("{}")
        with pytest.raises(RecordError, match="not the folder of a training job"):
            read_job(Path(root))


@MANY
@given(name=st.sampled_from(["run.json", "environment.json"]), keys=KEYS, value=VALUES)
@example(name="run.json", keys=[1, 0], value="x/../../..")
def test_any_value_anywhere_is_taken_or_cleanly_refused(add, job, tmp_path, name, keys, value):  # noqa: F811
    path = job.folder / name
    original = path.read_bytes()
    path.write_text(json.dumps(with_value(json.loads(original), keys, value)))
    outside = set(tmp_path.iterdir())
    try:
        add(read_job(job.folder))
    except RecordError:
        pass
    finally:
        path.write_bytes(original)
        shutil.rmtree(tmp_path / "recorded", ignore_errors=True)
    assert set(tmp_path.iterdir()) <= outside | {tmp_path / "recorded"}


@MANY
@given(
    name=st.sampled_from(["metrics.csv", "steps.parquet", "verification.csv", "run.json", "probes.csv"]),
    at=st.integers(0, 10**6),
    new=st.binary(max_size=12),
    cut=st.booleans(),
)
def test_any_bytes_anywhere_are_taken_or_cleanly_refused(add, job, tmp_path, name, at, new, cut):  # noqa: F811
    path = job.folder / name
    original = spoil(path, at, new, cut)
    try:
        add(read_job(job.folder))
    except RecordError:
        pass
    finally:
        path.write_bytes(original)
        shutil.rmtree(tmp_path / "recorded", ignore_errors=True)
