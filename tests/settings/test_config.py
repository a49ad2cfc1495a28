"""The configuration: what is resolved, and how every error is told, all of them at once."""

import copy
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from project_copy import environment

from orderparam.errors import ConfigError
from orderparam.figure_register import figure_names
from orderparam.settings.config import load_settings
from orderparam.settings.config_checks import check_experiment, check_sources
from orderparam.settings.experiment import Experiment, Run, Sampling, Seeds
from orderparam.settings.schema import check, describe, fill_defaults, load_schema

PROJECT = Path(__file__).resolve().parents[2]
SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
CONFIG: dict[str, Any] = {
    "experiment": "trial",
    "corpora": {"play": {"mirror_file": "play.txt", "sha256": SHA256}, "novel": {"file": "novel.txt"}},
}
TRIAL = """\
corpus: play
seeds: [1, {seed: 2, weights: 1}]
sizes:
  10K: {d_model: 32, n_head: 2, n_layer: 1}
  0.1M: {d_model: 64, n_head: 2, n_layer: 2, learning_rate: 1e-3, context: 8, corpus: novel}
training:
  steps: 2000
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, yaml.safe_dump(CONFIG), "config/config.yaml")
    write(tmp_path, TRIAL)
    return tmp_path


def write(root: Path, text: str, name: str = "config/experiments/trial.yaml") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def errors(root: Path, config: dict[Any, Any] | None = CONFIG) -> list[str]:
    """The lines of the error, one for each fault."""
    with pytest.raises(ConfigError) as caught:
        load_settings(config, root)
    first, *lines = str(caught.value).splitlines()
    count = f"{len(lines)} error{'' if len(lines) == 1 else 's'}"
    assert first == f"The configuration has {count}; nothing was run:"
    return [line.strip() for line in lines]


def test_values_come_from_the_entry_then_the_sections_then_the_defaults(root: Path) -> None:
    resolved = load_settings(CONFIG, root)
    trial = resolved.experiments["trial"]
    assert list(trial.runs) == ["10K", "0.1M"]
    small, large = trial.runs.values()
    assert (large.learning_rate, large.context, large.corpus) == (1e-3, 8, "novel")
    assert (small.learning_rate, small.context, small.corpus) == (3e-4, 256, "play")
    assert small.steps == large.steps == 2000
    assert (small.betas, small.train_windows, small.device) == ((0.9, 0.999), "all", "auto")
    assert trial.seeds == (Seeds(1, 1, 1, 1), Seeds(2, 1, 2, 2))
    assert trial.sampling == Sampling(10000, 1.0, 1337, True)
    assert resolved.tracking == {"enabled": True, "uri": None}
    assert resolved.corpus_mirror is None


def test_mirror_is_relative_to_the_project(root: Path) -> None:
    assert load_settings({**CONFIG, "corpus_mirror": "texts"}, root).corpus_mirror == Path("texts")
    assert load_settings({**CONFIG, "corpus_mirror": "/texts"}, root).corpus_mirror == Path("/texts")


def test_whole_numbers_resolve_to_floats_where_a_float_is_meant(root: Path) -> None:
    write(root, TRIAL + "  weight_decay: 0\n  betas: [0, 0.5]\nsampling: {temperature: 1}\n")
    trial = load_settings(CONFIG, root).experiments["trial"]
    run = trial.runs["10K"]
    numbers = [run.weight_decay, *run.betas, trial.sampling.temperature]
    assert [type(number) for number in numbers] == [float] * 4


def test_this_project_is_valid() -> None:
    config = yaml.safe_load((PROJECT / "config/config.yaml").read_text())
    resolved = load_settings(config, PROJECT)
    assert {"paper", "preview", "smoke"} <= set(resolved.experiments)
    assert resolved.corpus_mirror == Path("../shared/corpora")
    for experiment in resolved.experiments.values():
        for run in experiment.runs.values():
            assert Run.from_dict(json.loads(json.dumps(run.to_dict()))) == run


def test_paper_is_the_protocol_of_the_write_up() -> None:
    config = yaml.safe_load((PROJECT / "config/config.yaml").read_text())
    paper = load_settings(config, PROJECT).experiments["paper"]
    shapes = {"10K": (32, 2, 1), "0.1M": (64, 2, 2), "1M": (128, 4, 4), "10M": (384, 6, 6)}
    assert {size: (r.d_model, r.n_head, r.n_layer) for size, r in paper.runs.items()} == shapes
    assert list(paper.runs) == list(shapes)
    for size, run in paper.runs.items():
        assert run.corpus == "tiny_shakespeare"
        assert (run.context, run.batch_size, run.steps, run.dropout) == (256, 64, 20000, 0.2)
        assert (run.learning_rate, run.weight_decay, run.betas) == (3e-4, 0.01, (0.9, 0.999))
        assert (run.measure_every, run.checkpoint_every, run.log_spaced_per_decade) == (500, 1000, 8)
        assert {run.train_windows, run.val_windows, paper.verified_checkpoints[size]} == {"all"}
    assert paper.seeds[0] == Seeds(1337, 1337, 1337, 1337)
    assert sum(seeds.weights == 1337 for seeds in paper.seeds) >= 8
    assert len({seeds.weights for seeds in paper.seeds}) >= 4
    assert paper.compare_with_published
    assert paper.sampling == Sampling(10000, 1.0, 1337, True)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("d_model: 32", "d_modl: 32", ["sizes.10K.d_modl: found an unknown key", "did you mean d_model?"]),
        ("d_model: 32", "d_modl: 32", ["sizes.10K.d_model: found no such key", "required", "integer >= 1"]),
        ("d_model: 32", "d_model: '32'", ['sizes.10K.d_model: found "32"', "an integer >= 1"]),
        ("d_model: 32", "d_model: 32.0", ["sizes.10K.d_model: found 32.0", "an integer >= 1"]),
        ("d_model: 32", "d_model: true", ["sizes.10K.d_model: found true", "an integer >= 1"]),
        ("d_model: 32", "d_model: 33", ["sizes.10K.d_model: found 33", "a multiple of n_head, which is 2"]),
        ("d_model: 32", "d_model: -4", ["sizes.10K.d_model: found -4", "an integer >= 1"]),
        ("10K: {", "10: {", ["sizes.10: found 10 as a name", 'write it in quotes: "10"']),
        ("10K: {", "1e3: {", ["sizes.1e3: found 1e3 as a name", 'write it in quotes: "1e3"']),
        ("10K: {", "010: {", ["sizes.010: found 010 as a name", 'write it in quotes: "010"']),
        ("10K: {", r'"10K\n": {', [r'sizes."10K\n": found the name "10K\n"', "letters, digits and"]),
        ("10K: {", f"{'a' * 65}: {{", ["found the name", "64 characters at most"]),
        ("10K: {", "10 K: {", ['sizes."10 K": found the name "10 K"', "letters, digits and"]),
        ("10K: {", "0.1m: {", ["sizes.0.1M: found the name 0.1M", "in case only"]),
        ("10K: {d_model: 32, n_head: 2, n_layer: 1}", "10K:", ["sizes.10K: found nothing (null)", "d_model"]),
        ("1e-3", "0", ["sizes.0.1M.learning_rate: found 0", "> 0"]),
        ("1e-3", "fast", ['sizes.0.1M.learning_rate: found "fast"', "a finite number > 0"]),
        ("1e-3", ".nan", ["sizes.0.1M.learning_rate: found .nan", "a finite number > 0"]),
        ("1e-3", ".inf", ["sizes.0.1M.learning_rate: found .inf", "a finite number > 0"]),
        ("corpus: novel", "corpus: nov", ['sizes.0.1M.corpus: found "nov"', "did you mean novel?"]),
        ("corpus: play", "corpus: ply", ['corpus: found "ply"', "config/config.yaml", "did you mean play?"]),
        ("[1, {", "[2, {", ["seeds[1]: found 2", "distinct", "seeds[0] is 2"]),
        ("[1, {", "[-1, {", ["seeds[0]: found -1", "an integer >= 0", "seed, weights, batches, dropout"]),
        ("weights: 1", "wieghts: 1", ["seeds[1].wieghts: found an unknown key", "did you mean weights?"]),
        ("weights: 1", "weights: 1.5", ["seeds[1].weights: found 1.5", "an integer >= 0"]),
        ("{seed: 2, ", "{", ["seeds[1].seed: found no such key", "required"]),
        ("[1, {seed: 2, weights: 1}]", "[]", ["seeds: found []", "a list of 1 or more items"]),
        ("steps: 2000", "steps: 20_000", ['training.steps: found "20_000"', "an integer >= 1"]),
        ("steps: 2000", "steps: 100000001", ["training.steps: found 100000001", "and <= 100000000"]),
        ("d_model: 32", f"d_model: 1{'0' * 99}", ["sizes.10K.d_model: found 1000", "and <= 65536"]),
        ("n_layer: 1}", "n_layer: 1025}", ["sizes.10K.n_layer: found 1025", "and <= 1024"]),
        ("1e-3", f"1{'0' * 400}", ["sizes.0.1M.learning_rate: found 1000", "a finite number > 0"]),
        ("corpus: play", "corpus: 10", ["corpus: found 10", "as text only in quotes"]),
        ("steps: 2000", r'device: "cpu\n"', [r'training.device: found "cpu\n"', "auto, cpu"]),
        ("steps: 2000", "steps: 10", ["measurement.checkpoint_every: found 1000", "<= steps, which is 10"]),
        ("context: 8", "steps: 9", ["sizes.0.1M.steps: found 9", ">= checkpoint_every, which is 1000"]),
        ("steps: 2000", "dropout: 1", ["training.dropout: found 1", ">= 0 and < 1"]),
        ("steps: 2000", "betas: [0.9]", ["training.betas: found [0.9]", "a list of 2 items"]),
        ("steps: 2000", "betas: [0.9, 1]", ["training.betas[1]: found 1", ">= 0 and < 1"]),
        ("steps: 2000", "device: gpu", ['training.device: found "gpu"', "auto, cpu, cuda, cuda:N", "mps"]),
        ("steps: 2000", "batch_size: 0", ["training.batch_size: found 0", "an integer >= 1"]),
        ("steps: 2000", "precision: fp16", ['training.precision: found "fp16"', "float32, tf32 or bf16"]),
        ("steps: 2000", "regularizer: L2", ['training.regularizer: found "L2"', "decoupled or l2"]),
        ("context: 8", "start_from: 1K", ['sizes.0.1M.start_from: found "1K"', "did you mean 10K?"]),
        (
            "context: 8",
            "start_from: 10K",
            ["start_from: found", "the d_model of 0.1M, which is 64, but has 32"],
        ),
        ("context: 8", "start_from: 0.1M", ["start_from: found", "not lead back to 0.1M: 0.1M from 0.1M"]),
        ("  steps: 2000", "", ["training: found nothing (null)", "delete the key to have the default"]),
        ("training:", "trainin:", ["trainin: found an unknown key", "did you mean training?"]),
        (
            "  steps: 2000",
            "measurement: {val_windows: some}",
            ['val_windows: found "some"', '100000000 or "all"'],
        ),
        ("  steps: 2000", "measurement: {measure_every: 0}", ["measurement.measure_every: found 0", ">= 1"]),
        ("corpus: play", "corpus: play\ncorpus: novel", ["line 2: corpus: the key is already in line 1"]),
        ("  steps: 2000", "  {steps: 1, steps: 1}", ["line 7: training.steps: the key is already in line 7"]),
        ("  steps: 2000", "\tsteps: 2000", ["line 7, column 1: not valid YAML", "spaces, not tabs"]),
        ("n_layer: 1}", "n_layer: 1", ["line 5, column 7: not valid YAML"]),
        (TRIAL, "", ["the file is empty"]),
        (TRIAL, "- 1\n", ["line 1: found a list"]),
        (TRIAL, "description: nothing else\n", ["sizes: found no such key", "required"]),
        (TRIAL, "sizes: &all\n  all: *all\n", ["line 1: sizes.all: the anchor contains itself"]),
    ],
)
def test_error_in_an_experiment_names_file_key_value_and_rule(
    root: Path, old: str, new: str, expected: list[str]
) -> None:
    assert old in TRIAL
    write(root, TRIAL.replace(old, new))
    found = errors(root)
    assert any(
        line.startswith("config/experiments/trial.yaml: ") and all(part in line for part in expected)
        for line in found
    ), found


STARTS = """\
sizes:
  one: {d_model: 32, n_head: 2, n_layer: 1, start_from: two}
  two: {d_model: 32, n_head: 2, n_layer: 1, start_from: three}
  three: {d_model: 32, n_head: 2, n_layer: 1}
"""


def test_runs_may_start_from_one_another(root: Path) -> None:
    write(root, STARTS)
    runs = load_settings(CONFIG | {"corpora": {"tiny_shakespeare": {"file": "a.txt"}}}, root)
    starts = [run.start_from for run in runs.experiments["trial"].runs.values()]
    assert starts == ["two", "three", None]


def test_runs_that_start_from_one_another_in_a_circle_are_refused(root: Path) -> None:
    write(root, STARTS.replace("n_layer: 1}", "n_layer: 1, start_from: two}"))
    found = [line for line in errors(root) if "start_from" in line]
    # three leads into the circle, but is not on it.
    assert len(found) == 2
    assert all(part in found[0] for part in ("sizes.two.start_from", "two from three from two"))
    assert all(part in found[1] for part in ("sizes.three.start_from", "three from two from three"))


def test_runs_that_start_from_another_context_are_refused(root: Path) -> None:
    write(root, STARTS.replace("n_layer: 1}", "n_layer: 1, context: 8}"))
    assert any("must have the context of two, which is 256, but has 8" in line for line in errors(root))


def change(place: str, value: Any, parts: tuple[Any, ...] = ()) -> Callable[[Any], None]:
    def apply(config: Any) -> None:
        *parents, last = parts or place.split("/")
        for part in parents:
            config = config[part]
        config[last] = value

    return apply


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (change("experiment", "trail"), ['experiment: found "trail"', "did you mean trial?"]),
        (change("experiment", None), ["experiment: found nothing (null)", "must be text"]),
        (change("experimnt", "trial"), ["experimnt: found an unknown key", "did you mean experiment?"]),
        (change("corpora", {}), ["corpora: found an empty section"]),
        (
            change("corpora/play/sha256", "86c4"),
            ['corpora.play.sha256: found "86c4"', "64 hexadecimal digits"],
        ),
        (
            change("corpora/play/sha256", int("1" * 64)),
            [f"corpora.play.sha256: found {'1' * 64}", "64 hex", "as text only in quotes"],
        ),
        (
            change("corpora/play/sha256", SHA256 + "\n"),
            ["corpora.play.sha256: found", "64 hexadecimal digits"],
        ),
        (change("corpora/logs", {"file": "a"}), ["corpora.logs: found the name logs", "logs, jobs are"]),
        (change("corpora/Jobs", {"file": "a"}), ["corpora.Jobs: found the name Jobs", "logs, jobs are"]),
        (change("corpora/a\n", {"file": "a"}), [r'corpora."a\n": found the name "a\n"', "a name must"]),
        (change("corpora/" + "a" * 65, {"file": "a"}), ["a name must", "64 characters at most"]),
        (
            change("corpora/play", {"mirror_file": "a"}),
            ["corpora.play.sha256: found no such key", "required"],
        ),
        (
            change("corpora/play", {"sha256": SHA256}),
            ["corpora.play: found a section (sha256)", "mirror_file"],
        ),
        (change("corpora/play/urls", ["ftp://a/b"]), ['corpora.play.urls[0]: found "ftp://a/b"', "https://"]),
        (
            change("corpora/play/stand_in", {"order": 4, "seed": 1, "characters": 9}),
            ["order: found 4", "<= 3"],
        ),
        (
            change("corpora/play/stand_in", {"order": 3, "seed": 1}),
            ["stand_in.characters: found no such key"],
        ),
        (change("corpora/novel/urls", []), ["corpora.novel.urls: found an unknown key", "file, sha256"]),
        (
            change("corpora/novel", "novel.txt"),
            ['corpora.novel: found "novel.txt"', "a section with the keys file"],
        ),
        (
            change("corpora/copy", {"surrogate_of": "nowel", "order": 1, "seed": 1}),
            ['corpora.copy.surrogate_of: found "nowel"', "did you mean novel?"],
        ),
        (
            change("corpora/copy", {"surrogate_of": "copy", "order": 1, "seed": 1}),
            ['corpora.copy.surrogate_of: found "copy"', "is a surrogate itself", "known here: play, novel"],
        ),
        (
            change("corpora/copy", {"surrogate_of": "novel", "order": 4, "seed": 1}),
            ["corpora.copy.order: found 4", "<= 3"],
        ),
        (
            change("corpora/copy", None),
            ["corpora.copy: found nothing", "(or: surrogate_of, order, seed, characters; or: mirror_file"],
        ),
        (change("tracking", {"enabled": "on"}), ['tracking.enabled: found "on"', "true or false"]),
        (change("corpus_mirror", 5), ["corpus_mirror: found 5", "or null"]),
    ],
)
def test_error_in_the_configuration_names_file_key_value_and_rule(
    root: Path, edit: Callable[[dict[str, Any]], None], expected: list[str]
) -> None:
    config = copy.deepcopy(CONFIG)
    edit(config)
    write(root, yaml.safe_dump(config, sort_keys=False), "config/config.yaml")
    found = errors(root, config)
    assert any(
        line.startswith("config/config.yaml: ") and all(part in line for part in expected) for line in found
    ), found


def test_all_errors_of_all_files_are_listed_at_once(root: Path) -> None:
    write(root, TRIAL.replace("d_model: 32", "d_model: 33").replace("1e-3", "-1").replace("2000", "x"))
    write(root, "sizes: {a: {d_model: 8, n_head: 3, n_layer: 0}}\n", "config/experiments/other.yaml")
    write(root, "sizes: [\n", "config/experiments/broken.yaml")
    config = {**CONFIG, "experiment": "thing", "tracking": {"enabled": 1}}
    found = errors(root, config)
    starts = [
        "config/config.yaml (overridden by --config or --configfile): tracking.enabled: found 1;",
        'config/config.yaml (overridden by --config or --configfile): experiment: found "thing";',
        "config/experiments/broken.yaml: line 2, column 1: not valid YAML",
        "config/experiments/other.yaml: sizes.a.n_layer: found 0;",
        'config/experiments/other.yaml: corpus: found "tiny_shakespeare"; no such corpus',
        "config/experiments/other.yaml: sizes.a.d_model: found 8; must be a multiple of n_head, which is 3",
        "config/experiments/trial.yaml: sizes.0.1M.learning_rate: found -1;",
        'config/experiments/trial.yaml: training.steps: found "x";',
        "config/experiments/trial.yaml: sizes.10K.d_model: found 33;",
    ]
    assert len(found) == len(starts)
    for start in starts:
        assert any(line.startswith(start) for line in found), (start, found)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(SCALARS, SCALARS, max_size=3)


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [place, *(found for key, item in items for found in places(item, (*place, key)))]
    return [place]


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_document_brings_the_checks_down(data: st.DataObject) -> None:
    """Whatever value stands wherever, there is an experiment or a list of problems of one line each."""
    name = data.draw(st.sampled_from(["config", "experiment"]))
    schema = load_schema(name)
    document = {"config": copy.deepcopy(CONFIG), "experiment": yaml.safe_load(TRIAL)}[name]
    place = data.draw(st.sampled_from(places(document)[1:]))
    change("", data.draw(VALUES), place)(document)
    problems, valid = check(schema, fill_defaults(schema, document))
    problems += check_sources(valid, ()) if name == "config" else check_experiment(valid, ["play", "novel"])
    assert all("\n" not in str(problem) for problem in problems)


def test_faulty_key_takes_no_part_in_rules_between_keys(root: Path) -> None:
    write(root, TRIAL.replace("d_model: 32", "d_model: 3.5"))
    assert len(errors(root)) == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("second.yml", "found the suffix .yml"),
        (
            "recorded.yaml",
            "recorded, corpora, benchmark, deep_linear, calibration, ising, hopfield, known_sys",
        ),
        ("mlflow-artifacts.yaml", "are reserved"),
        ("ising.yaml", "are reserved"),
        (f"{'a' * 65}.yaml", "64 characters at most"),
        ("Big.yaml", "must begin with a-z"),
        ("1st.yaml", "must begin with a-z"),
    ],
)
def test_error_in_the_name_of_an_experiment(root: Path, name: str, expected: str) -> None:
    write(root, TRIAL, f"config/experiments/{name}")
    (line,) = errors(root)
    assert line.startswith(f"config/experiments/{name}: ")
    assert expected in line


def test_name_of_an_experiment_with_a_newline_at_its_end(root: Path) -> None:
    write(root, TRIAL, "config/experiments/a\n.yaml")
    (line,) = errors(root)
    assert line.startswith(r'config/experiments/"a\n.yaml": found the name "a\n"; ')


def test_names_of_64_characters_are_allowed(root: Path) -> None:
    name = "a" * 64
    write(root, TRIAL.replace("10K", name).replace("novel", name), f"config/experiments/{name}.yaml")
    (root / "config/experiments/trial.yaml").unlink()
    corpora = {"play": CONFIG["corpora"]["play"], name: {"file": "novel.txt"}}
    assert list(load_settings({"experiment": name, "corpora": corpora}, root).experiments) == [name]


def test_section_whose_only_name_is_a_number_is_not_called_empty(root: Path) -> None:
    write(root, "corpus: play\nsizes:\n  10: {d_model: 32, n_head: 2, n_layer: 1}\n")
    (line,) = errors(root)
    assert line.startswith("config/experiments/trial.yaml: sizes.10: found 10 as a name")


def test_corpus_whose_name_is_a_number_is_told_beside_an_unknown_one(root: Path) -> None:
    found = errors(root, {**CONFIG, "corpora": {10: {"file": "novel.txt"}}})
    assert any("corpora.10: found 10 as a name" in line for line in found)
    assert any('corpus: found "play"; no such corpus' in line and "known here: 10" in line for line in found)


def test_value_shares_an_anchor_with_a_name(root: Path) -> None:
    write(root, TRIAL.replace("10K: {d_model: 32", "&wide 32: {d_model: *wide"))
    (line,) = errors(root)
    assert "sizes.32: found 32 as a name" in line


def test_hidden_and_other_files_are_passed_over(root: Path) -> None:
    for name in (".trial.yaml.swp", ".#trial.yaml", "._trial.yaml", "notes.txt"):
        write(root, ":", f"config/experiments/{name}")
    assert list(load_settings(CONFIG, root).experiments) == ["trial"]


def test_folder_without_experiments_is_an_error(root: Path) -> None:
    (root / "config/experiments/trial.yaml").unlink()
    assert errors(root) == ["config/experiments: found no experiment; add a file <name>.yaml"]


def test_file_that_is_not_utf8_names_the_line(root: Path) -> None:
    (root / "config/experiments/trial.yaml").write_bytes(b"corpus: play\ndescription: caf\xe9\n")
    assert errors(root) == ["config/experiments/trial.yaml: line 2: not UTF-8 text; save the file as UTF-8"]


def test_key_twice_in_config_yaml_is_found(root: Path) -> None:
    with (root / "config/config.yaml").open("a") as file:
        file.write("experiment: trial\n")
    (line,) = errors(root)
    assert line.startswith("config/config.yaml: line ")
    assert "experiment: the key is already in line" in line


def test_value_that_a_command_line_set_is_blamed_on_it(root: Path) -> None:
    (line,) = errors(root, {**CONFIG, "corpus_mirror": 1})
    assert line.startswith(
        "config/config.yaml (overridden by --config or --configfile): corpus_mirror: found 1"
    )


def test_unreadable_configuration_does_not_hide_errors_of_experiments(root: Path) -> None:
    write(root, "corpora: [", "config/config.yaml")
    write(root, TRIAL.replace("1e-3", "-1"))
    found = errors(root, None)
    assert [line.split(": ")[0] for line in found] == ["config/config.yaml", "config/experiments/trial.yaml"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("corpora: [", "config/config.yaml: line 1, column 11: not valid YAML"),
        ("", "config/config.yaml: the file is empty"),
        ("corpora: &all {a: *all}", "config/config.yaml: line 1: corpora.a: the anchor contains itself"),
        (None, "config/config.yaml: cannot be read: No such file"),
    ],
)
def test_snakemake_tells_what_is_wrong_with_a_configuration_that_it_cannot_read(
    tmp_path: Path, text: str | None, expected: str
) -> None:
    done = snakemake(tmp_path, text)
    assert done.returncode != 0
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    assert "The configuration has 2 errors; nothing was run:" in lines
    for start in (expected, "config/experiments/trial.yaml: corpus: found 7"):
        assert any(line.startswith(start) for line in lines), lines


def test_snakemake_tells_a_repeated_key_together_with_the_faults_of_values(tmp_path: Path) -> None:
    text = yaml.safe_dump({**CONFIG, "corpus_mirror": 5}) + "experiment: trial\n"
    done = snakemake(tmp_path, text, "--config", "tracking={enabled: 7}")
    output = done.stdout + done.stderr
    for part in (
        "The configuration has 4 errors",
        "experiment: the key is already in line",
        "config/config.yaml: corpus_mirror: found 5",
        "(overridden by --config or --configfile): tracking.enabled: found",
        "trial.yaml: corpus: found 7",
    ):
        assert part in output


def snakemake(folder: Path, config: str | None, *options: str) -> subprocess.CompletedProcess[str]:
    """A dry run in a copy of the workflow with this config.yaml and a fault in its one experiment."""
    shutil.copy(PROJECT / "Snakefile", folder)
    shutil.copytree(PROJECT / "workflow", folder / "workflow", ignore=shutil.ignore_patterns("__pycache__"))
    write(folder, TRIAL.replace("corpus: play", "corpus: 7"))
    if config is not None:
        write(folder, config, "config/config.yaml")
    command = [sys.executable, "-m", "snakemake", "-n", *options]
    return subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True)


def test_import_needs_no_jsonschema() -> None:
    """Other modules import the configuration's names on machines that only train."""
    code = "import sys; import orderparam.settings.config; sys.exit('jsonschema' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT / "workflow", check=True)


# Schema, dataclasses, README: three places that must say the same.


@pytest.mark.parametrize("name", ["config", "experiment", "replay", "ising", "claims"])
def test_schema_is_a_valid_and_closed_schema(name: str) -> None:
    schema = load_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)

    def visit(node: Any, place: str) -> None:
        if isinstance(node, dict):
            if node.get("type") == "object" and "if" not in node:
                assert node.get("additionalProperties") is False, f"{name}: {place} allows unknown keys"
            for key, value in node.items():
                visit(value, f"{place}/{key}")
        elif isinstance(node, list):
            for index, value in enumerate(node):
                visit(value, f"{place}/{index}")

    visit(schema, "")


def test_schema_has_the_keys_of_the_dataclasses() -> None:
    properties = load_schema("experiment")["properties"]
    training, measurement = (set(properties[key]["properties"]) for key in ("training", "measurement"))
    (size,) = properties["sizes"]["patternProperties"].values()
    model = {"d_model", "n_head", "n_layer"}
    names = {kind: {field.name for field in fields(kind)} for kind in (Run, Sampling, Seeds, Experiment)}
    pairs = [
        (
            "Run",
            names[Run] | {"verified_checkpoints", "probe_windows"},
            training | measurement | model | {"corpus", "experiment", "size", "start_from"},
        ),
        ("sizes", set(size["properties"]), training | measurement | model | {"corpus", "start_from"}),
        ("Sampling", names[Sampling], set(properties["sampling"]["properties"])),
        ("Seeds", names[Seeds], set(properties["seeds"]["items"]["anyOf"][1]["properties"])),
        (
            "Experiment",
            names[Experiment] | {"sizes", "training", "measurement"},
            {*properties, "name", "runs", "verified_checkpoints", "probe_windows", "replay_of"},
        ),
    ]
    for name, found, wanted in pairs:
        assert found == wanted, f"{name}: add {sorted(wanted - found)}, remove {sorted(found - wanted)}"


def test_schema_names_the_figures_that_can_be_drawn() -> None:
    for schema in ("experiment", "replay"):
        pattern = load_schema(schema)["properties"]["figures"]["items"]["pattern"]
        assert re.findall(r"\w+", pattern[: pattern.index(")")]) == figure_names()


def rows(name: str) -> list[str]:
    """The rows of config/README.md's tables, one for each key of a schema; overrides per size have none."""
    found = [row for key, row in walk(load_schema(name)) if not key.startswith("sizes.<name>.")]
    own = tuple(f"sizes.<name>.{key}" for key in ("d_model", "n_head", "n_layer", "start_from"))
    return list(dict.fromkeys(found + [row for key, row in walk(load_schema(name)) if key in own]))


def branches(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for key in ("then", "else"):
        if key in schema:
            yield from branches(schema[key])


def walk(schema: dict[str, Any], place: str = "") -> Iterator[tuple[str, str]]:
    for name, value in schema.get("properties", {}).items():
        key = f"{place}.{name}" if place else name
        default = "required" if name in schema.get("required", []) else "none"
        if "default" in value:
            default = f"`{json.dumps(value['default'])}`"
        allowed = describe(value)
        if "properties" in value or "patternProperties" in value:
            allowed, default = "a section", ""
        yield key, f"| `{key}` | {value['description']} | {allowed} | {default} |"
        yield from walk(value, key)
        for entry in value.get("patternProperties", {}).values():
            for branch in branches(entry):
                yield from walk(branch, f"{key}.<name>")
        for branch in value.get("items", {}).get("anyOf", []):
            yield from walk(branch, f"{key}[]")


@pytest.mark.parametrize("name", ["config", "experiment", "replay", "ising", "claims"])
def test_readme_has_a_row_for_each_key(name: str) -> None:
    readme = (PROJECT / "config/README.md").read_text()
    missing = [row for row in rows(name) if row not in readme.splitlines()]
    assert not missing, "put these rows into config/README.md:\n" + "\n".join(missing)


def test_readme_has_no_row_that_is_no_key() -> None:
    lines = (PROJECT / "config/README.md").read_text().splitlines()
    wanted = rows("config") + rows("experiment") + rows("replay") + rows("ising") + rows("claims")
    stale = [line for line in lines if line.startswith("| `") and line not in wanted]
    assert not stale, "take these rows out of config/README.md:\n" + "\n".join(stale)
