"""Whatever is found where snapshots, texts and records should be, or asked for, gives only clean errors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from anything import KEYS, MANY, VALUES, spoil, with_value
from hypothesis import given
from hypothesis import strategies as st

from orderparam import lookup
from orderparam.archive.replay import with_recorded
from orderparam.errors import ConfigError, CorpusError, OrderParameterError, RecordError
from orderparam.settings.config import load_project_settings
from orderparam.text.vocabulary import load_tokens, scan_text
from orderparam.tracking.provenance import is_alive
from orderparam.tracking.record import RunRecord, set_aside
from orderparam.training.snapshots import SnapshotStore

PROJECT = Path(__file__).parents[1]


@MANY
@given(keys=KEYS, value=VALUES)
def test_a_record_of_any_values_is_read_or_refused_and_set_aside_inside(tmp_path, keys, value):
    file = "results/smoke/jobs/train.json"
    process = {"host": "here", "pid": 1, "started": 0.0}
    made = {"name": "table", "path": "results/smoke/a.csv", "sha256": None, "bytes": 3}
    RunRecord("train", "smoke", file, process=process, inputs=[made], outputs=[made]).write(tmp_path)
    path = tmp_path / file
    assert RunRecord.read(path).process == process
    path.write_text(json.dumps(with_value(json.loads(path.read_text()), keys, value)))
    try:
        record = RunRecord.read(path)
        assert isinstance(record.status, str) and isinstance(record.outputs, list)
        assert all(isinstance(each["path"], str) for each in (*record.inputs, *record.outputs))
        assert "/" not in record.experiment and not record.experiment.startswith(".")
        assert record.process or record.status != "RUNNING"
        assert not record.process or is_alive(record.process) in (True, False)
    except RecordError as error:
        assert str(path) in str(error)
    set_aside(tmp_path, file)
    assert {each.name for each in tmp_path.iterdir()} == {"results"}
    assert not path.exists()


@MANY
@given(
    lines=st.lists(st.binary(max_size=30) | VALUES.map(lambda value: json.dumps(value).encode()), max_size=3)
)
def test_points_of_any_bytes_are_read_or_refused(tmp_path, lines):
    record = RunRecord("train", "smoke", "results/smoke/jobs/train.json")
    path = record.points_file(tmp_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join([record.id.encode(), *lines, b""]))
    try:
        found, _ = record.points(tmp_path)
        assert all(isinstance(point[1], float) for points in found.values() for point in points)
    except RecordError as error:
        assert str(path) in str(error)


@MANY
@given(
    name=st.sampled_from(["step-000006.safetensors", "step-000006.json"]),
    at=st.integers(0),
    new=st.binary(max_size=9),
)
def test_a_spoilt_snapshot_is_passed_over(tmp_path, name, at, new):
    store = SnapshotStore(tmp_path / "seed-1", "key")
    weights = torch.arange(6.0)
    store.save(3, {"a": weights}, {"trajectory": []})
    store.save(6, {"a": weights}, {"trajectory": []})
    original = spoil(store.folder / name, at, new)
    unchanged = (store.folder / name).read_bytes() == original
    found = [(step, values) for step, _, values in store.load_newest()]
    assert found in ([(3, {"trajectory": []})], [(6, {"trajectory": []}), (3, {"trajectory": []})])
    assert len(found) == 2 or not unchanged


@MANY
@given(content=st.binary(max_size=300))
def test_a_text_of_any_bytes_is_scanned_or_refused(tmp_path, content):
    path = tmp_path / "novel.txt"
    path.write_bytes(content)
    try:
        present, count = scan_text(path, "novel.txt")
    except CorpusError as error:
        assert str(error).startswith("novel.txt: ")
    else:
        text = content.decode("utf-8")
        assert count == len(text) and present.sum() == len(set(text))


@MANY
@given(
    name=st.sampled_from(["tokens.npy", "vocabulary.json"]),
    at=st.integers(0),
    new=st.binary(max_size=9),
    cut=st.booleans(),
)
def test_a_spoilt_corpus_is_read_as_it_was_or_refused(corpus, name, at, new, cut):
    tokens, vocabulary = corpus
    before = [part.tolist() for part in load_tokens(tokens, vocabulary)]
    original = spoil(tokens.parent / name, at, new, cut)
    try:
        assert [part.tolist() for part in load_tokens(tokens, vocabulary)] == before
    except RecordError as error:
        assert str(tokens.parent) in str(error)
    finally:
        (tokens.parent / name).write_bytes(original)


@pytest.fixture(scope="module")
def project():
    return with_recorded(load_project_settings(PROJECT), PROJECT)


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@MANY
@given(parts=st.lists(WORDS | st.sampled_from(["results", "..", "smoke", "figures", "runs"]), max_size=5))
def test_any_target_is_known_or_cleanly_refused(project, parts):
    try:
        lookup.check_target("/".join(parts), project)
    except OrderParameterError as error:
        assert "known here" in str(error)


@MANY
@given(size=WORDS, job=WORDS, seed=st.integers())
def test_any_wildcards_are_known_or_cleanly_refused(project, size, job, seed):
    smoke = project.experiments["smoke"]
    for ask in (
        lambda: lookup.find_run(smoke, size),
        lambda: lookup.find_seeds(smoke, job),
        lambda: lookup.job_of_seed(smoke, seed),
    ):
        try:
            ask()
        except ConfigError as error:
            assert "known here" in str(error)


def test_wildcards_of_paths_stay_below_results():
    """What the rules' constraints admit cannot leave a folder."""
    rules = (PROJECT / "workflow/rules/common.smk").read_text()
    constraints = re.findall(r'^    (?:experiment|corpus|size|job|seed)=r"(.+)",$', rules, re.MULTILINE)
    assert len(constraints) == 5
    for pattern in constraints:
        for hostile in ("..", "../x", "a/../b", "/etc", "", "a/b", ".x"):
            assert not re.fullmatch(pattern, hostile)
