"""What is checked before the first job."""

import json

import pytest
from runs import build_model, make_run

from orderparam import preflight
from orderparam.analysis.scaling import estimate_parameters
from orderparam.errors import ConfigError, OrderParameterError
from orderparam.lookup import characters_of
from orderparam.preflight import check_before_start, check_links, estimate_bytes

VOCABULARY = {
    "corpus": "fetched",
    "source": "here",
    "characters": ["a", "b"],
    "tokens": 40,
    "train_tokens": 36,
    "dtype": "uint8",
    "sha256": "0" * 64,
}


@pytest.mark.parametrize(
    "changes", [{}, {"attention": "ablated", "n_layer": 3}, {"context": 5, "d_model": 32}]
)
def test_parameters_are_counted_as_the_model_has_them(changes):
    model = build_model(**changes)
    assert estimate_parameters(make_run(**changes).to_dict(), 11) == sum(
        p.numel() for p in model.parameters()
    )


def test_all_that_is_wrong_is_told_at_once(tmp_path, monkeypatch):
    (tmp_path / "latin.txt").write_bytes("\u00e9t\u00e9".encode("latin-1"))
    (tmp_path / "short.txt").write_text("to be or not")
    folder = tmp_path / "results/corpora/fetched"
    folder.mkdir(parents=True)
    (folder / "vocabulary.json").write_text(json.dumps(VOCABULARY))
    files = {name: {"file": f"{name}.txt"} for name in ("latin", "short", "missing")}
    corpora = files | {"fetched": {"urls": []}, "unknown": {"urls": []}}
    runs = [(make_run(corpus=name), 1) for name in corpora] + [(make_run(device="cuda:77"), 1)]
    monkeypatch.setattr(preflight, "SNAPSHOT_TENSORS", 10**15)
    with pytest.raises(ConfigError) as error:
        check_before_start(tmp_path, corpora | {"made_up": {"urls": []}}, runs)
    told = str(error.value).splitlines()
    for words in (
        "latin.txt: invalid UTF-8",
        "short.txt: its validation split has 2",
        "missing.txt cannot be",
    ):
        assert sum(words in line for line in told) == 1, told
    assert any("fetched: its validation split has 4 tokens" in line for line in told)
    assert any("'cuda:77' is configured, but this machine has" in line for line in told)
    assert any("training will write about" in line and "free space" in line for line in told)
    assert len(told) == 7


@pytest.mark.parametrize(
    "content", [{}, [], None, 7, VOCABULARY | {"tokens": "x"}, VOCABULARY | {"source": 1}]
)
def test_a_description_of_a_corpus_that_is_none_is_told_before_the_first_job(tmp_path, monkeypatch, content):
    path = tmp_path / "results/corpora/fetched/vocabulary.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    with pytest.raises(OrderParameterError, match=r"vocabulary\.json: .*delete it to have it made anew"):
        check_before_start(tmp_path, {"fetched": {"urls": []}}, [(make_run(corpus="fetched"), 1)])
    monkeypatch.chdir(tmp_path)
    assert characters_of("fetched") > 0


def test_nothing_wrong_is_the_estimate_and_nothing_to_train_is_nothing(tmp_path):
    told = check_before_start(tmp_path, {"made_up": {"urls": []}}, [(make_run(), 3)])
    assert told.startswith("training will write about") and "are free" in told
    assert check_before_start(tmp_path, {}, []) == ""


def test_the_estimate_is_what_a_training_writes(make_run, corpus, tmp_path, seeds):
    from orderparam.training.job import JobPaths, train_job

    run = make_run(d_model=64, n_head=2, steps=40, checkpoint_every=2, measure_every=20)
    train_job(run, [seeds], *corpus, JobPaths.below(tmp_path / "job"))
    inodes = {path.stat().st_ino: path.stat().st_size for path in (tmp_path / "job").rglob("*")}
    assert 0.5 < sum(inodes.values()) / estimate_bytes(run, 11) < 1.1


@pytest.mark.parametrize(
    "link", ["results", "results/a", "results/a/figures", "results/a/runs/nano/checkpoints"]
)
def test_folders_that_lead_out_of_the_project_are_refused(tmp_path, link):
    root, outside = tmp_path / "project", tmp_path / "outside"
    outside.mkdir()
    (root / link).parent.mkdir(parents=True)
    (root / link).symlink_to(outside)
    with pytest.raises(ConfigError, match=f"  {link} is a link to {outside}"):
        check_links(root, ["results/a/metrics.csv"])
    assert list(outside.iterdir()) == []
    (root / link).unlink()
    (root / "elsewhere").mkdir()
    (root / link).symlink_to(root / "elsewhere")
    check_links(root, ["results/a/metrics.csv", "tests.txt"])
