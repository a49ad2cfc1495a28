"""The command `orderparam`: its help, its exit statuses, and what it prints."""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml
from safetensors import SafetensorError

import orderparam
from orderparam.archive.add import check_protocol
from orderparam.cli import main, make_parser
from orderparam.environment import git_state
from orderparam.settings.config import find_experiment, load_project_settings
from orderparam.settings.experiment import Experiment, Run

PROJECT = Path(__file__).resolve().parents[1]
CONFIG = {"experiment": "trial", "corpora": {"novel": {"file": "novel.txt"}}}
TRIAL = {
    "corpus": "novel",
    "seeds": [1, {"seed": 2, "weights": 1}],
    "sizes": {"10K": {"d_model": 32, "n_head": 2, "n_layer": 1}},
    "training": {"steps": 2000},
}


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """All parsers below this one that run something."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from commands(inner)
    if parser.get_default("run"):
        yield parser


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """The one experiment of a project, which is the current folder."""
    (tmp_path / "config/experiments").mkdir(parents=True)
    (tmp_path / "config/config.yaml").write_text(yaml.safe_dump(CONFIG))
    (tmp_path / "config/experiments/trial.yaml").write_text(yaml.safe_dump(TRIAL))
    monkeypatch.chdir(tmp_path)
    return find_experiment(load_project_settings(tmp_path), "trial")


@pytest.mark.parametrize("parser", list(commands(make_parser())), ids=lambda parser: parser.prog)
def test_help_of_each_command_has_a_sentence_and_an_example_that_it_understands(parser):
    sentence, _, example = parser.description.partition("\n\n")
    assert sentence.endswith(".")
    words = example.rpartition("example: orderparam ")[2].partition(" >")[0].split()
    assert make_parser().parse_args(words).run is parser.get_default("run")


PORTS = [["ui", "--port", port] for port in ("x", "0", "-1", "65536")]
TRAIN = ["train", "run.json", "--corpus", "c", "--out", "o", "--snapshot-seconds"]
TIME = ["benchmark", "run.json", "--corpus", "c", "--out", "o"]
NUMBERS = [[*TRAIN, "nan"], [*TRAIN, "-1"], [*TIME, "--seconds", "inf"], [*TIME, "--stacks", "8", "0"]]


@pytest.mark.parametrize("arguments", [[], ["train"], ["recorded"], ["run", "paper"], *PORTS, *NUMBERS])
def test_wrong_usage_ends_with_2(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    "command",
    [[str(Path(sys.executable).with_name("orderparam"))], [sys.executable, "-m", "orderparam"]],
    ids=["script", "module"],
)
def test_error_ends_with_1_and_its_message(command, tmp_path):
    done = subprocess.run(
        [*command, "recorded", "check", "none"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == "error: results/recorded/none: there is no such record; known here: none\n"


def test_a_full_disk_is_told_whoever_finds_it(monkeypatch, capsys):
    def write(options):
        # As safetensors says it, whose error is no OSError.
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("orderparam.cli.check_config", write)
    assert main(["config", "check"]) == 1
    assert re.fullmatch(r"error: the disk is full \(.*\); free some space .*\n", capsys.readouterr().err)


def test_an_interrupted_command_says_so(monkeypatch, capsys):
    monkeypatch.setattr("orderparam.cli.check_config", lambda options: signal.raise_signal(signal.SIGINT))
    assert main(["config", "check"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_outside_a_project_a_command_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["config", "document"]) == 1
    assert re.fullmatch(r"error: \S*config/README.md: No such file or directory\n", capsys.readouterr().err)


def test_command_line_is_parsed_without_the_libraries_that_commands_use():
    heavy = {"numpy", "pandas", "torch", "mlflow", "pydantic"}
    code = f"import sys, orderparam.cli; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_record_is_checked(monkeypatch, capsys):
    monkeypatch.chdir(PROJECT)
    assert main(["recorded", "check", "dense_10m"]) == 0
    assert capsys.readouterr().out == "ok\n"


def test_configuration_is_checked(trial, capsys):
    assert main(["config", "check"]) == 0
    assert capsys.readouterr().out == "ok\n"
    Path("config/experiments/trial.yaml").write_text(yaml.safe_dump({**TRIAL, "training": {"steps": -1}}))
    assert main(["config", "check"]) == 1
    Path("config/claims.yaml").write_text(
        "claims: {a: {text: A, source: me, test: passage_compare, experiments: [x]}}"
    )
    Path("config/physics").mkdir()
    Path("config/physics/ising.yaml").write_text("seed: one")
    assert main(["config", "check"]) == 1
    told = capsys.readouterr().err
    assert "training.steps: found -1" in told
    assert 'claims.a.test: found "passage_compare"; no such test; did you mean passage_compares' in told
    assert "ising.yaml:1: seed: found" in told


@pytest.mark.parametrize("kind", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_settings_that_are_no_files_are_refused_at_once(trial, capsys, kind):
    Path("config/physics").mkdir()
    names = ("config.yaml", "experiments/other.yaml", "claims.yaml", "physics/ising.yaml")
    for name in names:
        Path("config", name).unlink(missing_ok=True)
        kind(Path("config", name))
    assert main(["config", "check"]) == 1
    told = capsys.readouterr().err
    refused = re.findall(r"config/(\S+): cannot be read: (?:no regular file|Is a directory)", told)
    assert sorted(refused) == sorted(names)


def test_a_copy_in_anothers_repository_has_not_its_commit(tmp_path):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q", "."], cwd=tmp_path, check=True)
    (tmp_path / "own.txt").touch()
    subprocess.run([*git, "add", "own.txt"], cwd=tmp_path, check=True)
    subprocess.run([*git, "commit", "-q", "-m", "own"], cwd=tmp_path, check=True)
    library = tmp_path / "unpacked/orderparam"
    library.mkdir(parents=True)
    for name in ("__init__", "environment"):
        shutil.copy(Path(orderparam.__file__).with_name(f"{name}.py"), library)
    code = "from orderparam.environment import git_state; print(*git_state())"

    def told(**environment):
        changed = {**os.environ, "PYTHONPATH": str(library.parent), **environment}
        return subprocess.run(
            [sys.executable, "-c", code], env=changed, capture_output=True, text=True, check=True
        ).stdout.split()

    assert told() == told(GIT_DIR=str(tmp_path / ".git")) == ["None", "None"]
    subprocess.run([*git, "add", "."], cwd=tmp_path, check=True)
    commit, dirty = told()
    assert len(commit) == 40 and dirty == "True"


def test_run_is_printed_with_what_training_needs(trial, capsys):
    assert main(["run", "trial", "10K"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert Run.from_dict(printed["run"]) == trial.runs["10K"]
    assert printed["seeds"] == [asdict(seeds) for seeds in trial.seeds]
    assert printed["commit"] == git_state()[0]


def test_run_can_be_shortened_to_some_seeds_and_another_precision(trial, capsys):
    assert main(["run", "trial", "10K", "--seeds", "2", "--precision", "tf32", "--steps", "7"]) == 0
    printed = json.loads(capsys.readouterr().out)
    run = Run.from_dict(printed["run"])
    assert run == replace(trial.runs["10K"], precision="tf32", steps=7)
    assert printed["seeds"] == [asdict(trial.seeds[1])]
    check_protocol(run, trial)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda printed: "{", "not valid JSON"),
        (lambda printed: "[1]", "found no object"),
        (lambda printed: json.dumps({**printed, "run": {}}), "run.d_model: found no such key"),
        (lambda printed: json.dumps({**printed, "seeds": []}), "seeds: found"),
        (lambda printed: json.dumps({**printed, "seeds": [{"seed": "x"}]}), "seeds[0].seed: found"),
        (lambda printed: json.dumps({"seeds": printed["seeds"]}), "run: found no such key"),
        (lambda printed: json.dumps({**printed, "sampling": {"characters": "x"}}), "sampling.characters"),
        (
            lambda printed: json.dumps({**printed, "verified_checkpoints": None}),
            "verified_checkpoints: found",
        ),
    ],
)
def test_a_broken_run_file_is_told_by_each_command_that_takes_one(trial, capsys, tmp_path, change, message):
    main(["run", "trial", "10K"])
    text = change(json.loads(capsys.readouterr().out))
    Path("run.json").write_text(text)
    corpus = ["--corpus", "corpus"]
    extracting = ["recorded", "extract", "run.json", "out", *corpus]
    training = [
        ["train", "run.json", "--out", "out", *corpus],
        ["benchmark", "run.json", "--out", "t.csv", *corpus],
    ]
    only_extracted = "sampling" in message or "verified" in message
    for command in [extracting] if only_extracted else [extracting, *training]:
        assert main(command) == 1
        told = capsys.readouterr().err
        assert told.startswith("error: run.json: ") and message in told
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trial", "10K", "--seeds", "1", "4"], "trial has no seed 4; known here: 1, 2"),
        (["trial", "10K", "--steps", "0"], "--steps 0: trial 10K has 1 to 2000"),
        (["trial", "10K", "--steps", "2001"], "--steps 2001: trial 10K has 1 to 2000"),
        (["trail", "10K"], "did you mean trial"),
        (["trial", "11K"], "did you mean 10K"),
    ],
)
def test_run_that_the_experiment_does_not_have_is_an_error(trial, capsys, arguments, message):
    assert main(["run", *arguments]) == 1
    assert message in capsys.readouterr().err
