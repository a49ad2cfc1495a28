"""The configuration: what is resolved, and how every error is told, all of them at once."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from anything import KEYS, MANY, VALUES, with_value
from hypothesis import given
from hypothesis import strategies as st

from orderparam.errors import ConfigError, RecordError
from orderparam.settings.check import check
from orderparam.settings.config import load_settings
from orderparam.settings.config_file import ConfigFile, check_sources
from orderparam.settings.experiment import Run, Sampling, Seeds
from orderparam.settings.experiment_file import ExperimentFile, check_experiment

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


def assert_told(lines: list[str], file: str, parts: list[str]) -> None:
    """One of the lines names the file, with the line in it, and has all the parts."""
    place = re.compile(rf"{re.escape(file)}(:\d+)*: ")
    assert any(place.match(line) and all(part in line for part in parts) for line in lines), lines


def load_project() -> Any:
    return load_settings(yaml.safe_load((PROJECT / "config/config.yaml").read_text()), PROJECT)


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
    assert load_settings({**CONFIG, "corpus_mirror": "texts"}, root).corpus_mirror == Path("texts")


def test_whole_numbers_resolve_to_floats_where_a_float_is_meant(root: Path) -> None:
    write(root, TRIAL + "  weight_decay: 0\n  betas: [0, 0.5]\nsampling: {temperature: 1}\n")
    trial = load_settings(CONFIG, root).experiments["trial"]
    run = trial.runs["10K"]
    numbers = [run.weight_decay, *run.betas, trial.sampling.temperature]
    assert [type(number) for number in numbers] == [float] * 4


def test_this_project_is_valid() -> None:
    resolved = load_project()
    assert {"paper", "preview", "smoke"} <= set(resolved.experiments)
    assert resolved.corpus_mirror == Path("../shared/corpora")
    for experiment in resolved.experiments.values():
        for run in experiment.runs.values():
            assert Run.from_dict(json.loads(json.dumps(run.to_dict()))) == run


def test_a_run_of_an_earlier_version_has_what_was_in_effect_then() -> None:
    run = load_project().experiments["paper_as_coded"].runs["10K"]
    later = (
        "attention",
        "regularizer",
        "precision",
        "start_from",
        "attention_dropout",
        "output_dropout",
        "dense_steps",
    )
    plain = {key: value for key, value in run.to_dict().items() if key not in later}
    assert Run.from_dict(plain) == run
    del plain["learning_rate"]
    with pytest.raises(RecordError, match="no learning_rate"):
        Run.from_dict(plain)


@pytest.mark.parametrize(("name", "output_dropout"), [("paper", False), ("paper_as_coded", True)])
def test_paper_is_the_protocol_of_the_article(name: str, output_dropout: bool) -> None:
    paper = load_project().experiments[name]
    shapes = {"10K": (32, 2, 1), "0.1M": (64, 2, 2), "1M": (128, 4, 4), "10M": (384, 6, 6)}
    assert {size: (r.d_model, r.n_head, r.n_layer) for size, r in paper.runs.items()} == shapes
    assert list(paper.runs) == list(shapes)
    for size, run in paper.runs.items():
        assert run.corpus == "tiny_shakespeare"
        assert (run.context, run.batch_size, run.steps) == (256, 64, 20000)
        assert (run.dropout, run.output_dropout) == (0.2, output_dropout)
        assert (run.learning_rate, run.weight_decay, run.betas) == (3e-4, 0.01, (0.9, 0.999))
        assert (run.measure_every, run.checkpoint_every, run.log_spaced_per_decade) == (500, 1000, 8)
        assert {run.train_windows, run.val_windows, paper.verified_checkpoints[size]} == {"all"}
    assert paper.seeds[0] == Seeds(1337, 1337, 1337, 1337)
    assert sum(seeds.weights == 1337 for seeds in paper.seeds) >= 8
    assert len({seeds.weights for seeds in paper.seeds}) >= 4
    assert paper.compare_with_published
    assert paper.sampling == Sampling(10000, 1.0, 1337, True)


EXPERIMENT_FAULTS: list[tuple[str, ...]] = [
    ("d_model: 32", "d_modl: 32", "sizes.10K.d_modl: found an unknown key", "did you mean d_model?"),
    ("d_model: 32", "d_modl: 32", "sizes.10K.d_model: found no such key", "required", "integer >= 1"),
    ("d_model: 32", "d_model: '32'", 'sizes.10K.d_model: found "32"', "an integer >= 1"),
    ("d_model: 32", "d_model: 32.0", "sizes.10K.d_model: found 32.0", "an integer >= 1"),
    ("d_model: 32", "d_model: true", "sizes.10K.d_model: found true", "an integer >= 1"),
    ("d_model: 32", "d_model: 33", "sizes.10K.d_model: found 33", "a multiple of n_head, which is 2"),
    ("10K: {", "010: {", "sizes.010: found 010 as a name", 'write it in quotes: "010"'),
    ("10K: {", r'"10K\n": {', r'sizes."10K\n": found the name "10K\n"', "letters, digits and"),
    ("10K: {", f"{'a' * 65}: {{", "found the name", "64 characters at most"),
    ("10K: {", "10 K: {", 'sizes."10 K": found the name "10 K"', "letters, digits and"),
    ("10K: {", "0.1m: {", "sizes.0.1M: found the name 0.1M", "in case only"),
    ("10K: {d_model: 32, n_head: 2, n_layer: 1}", "10K:", "sizes.10K: found nothing (null)", "d_model"),
    ("1e-3", "0", "sizes.0.1M.learning_rate: found 0", "> 0"),
    ("1e-3", "fast", 'sizes.0.1M.learning_rate: found "fast"', "a finite number > 0"),
    ("1e-3", ".nan", "sizes.0.1M.learning_rate: found .nan", "a finite number > 0"),
    ("corpus: novel", "corpus: nov", 'sizes.0.1M.corpus: found "nov"', "did you mean novel?"),
    ("corpus: play", "corpus: ply", 'corpus: found "ply"', "config/config.yaml", "did you mean play?"),
    ("[1, {", "[2, {", "seeds[1]: found 2", "distinct", "seeds[0] is 2"),
    ("[1, {", "[-1, {", "seeds[0]: found -1", "an integer >= 0", "seed, weights, batches, dropout"),
    ("weights: 1", "wieghts: 1", "seeds[1].wieghts: found an unknown key", "did you mean weights?"),
    ("{seed: 2, ", "{", "seeds[1].seed: found no such key", "required"),
    ("[1, {seed: 2, weights: 1}]", "[]", "seeds: found []", "a list of 1 or more items"),
    ("steps: 2000", "steps: 20_000", 'training.steps: found "20_000"', "an integer >= 1"),
    ("steps: 2000", "steps: 100000001", "training.steps: found 100000001", "and <= 100000000"),
    ("d_model: 32", f"d_model: 1{'0' * 99}", "sizes.10K.d_model: found 1000", "and <= 65536"),
    ("1e-3", f"1{'0' * 400}", "sizes.0.1M.learning_rate: found 1000", "a finite number > 0"),
    ("corpus: play", "corpus: 10", "corpus: found 10", "as text only in quotes"),
    ("steps: 2000", r'device: "cpu\n"', r'training.device: found "cpu\n"', "auto, cpu"),
    ("steps: 2000", "steps: 10", "measurement.checkpoint_every: found 1000", "<= steps, which is 10"),
    ("context: 8", "steps: 9", "sizes.0.1M.steps: found 9", ">= checkpoint_every, which is 1000"),
    ("steps: 2000", "dropout: 1", "training.dropout: found 1", ">= 0 and < 1"),
    ("steps: 2000", "betas: [0.9]", "training.betas: found [0.9]", "a list of 2 items"),
    ("steps: 2000", "betas: [0.9, 1]", "training.betas[1]: found 1", ">= 0 and < 1"),
    ("steps: 2000", "device: gpu", 'training.device: found "gpu"', "auto, cpu, cuda, cuda:N", "mps"),
    ("steps: 2000", "precision: fp16", 'training.precision: found "fp16"', "float32, tf32 or bf16"),
    ("context: 8", "optimizer: sgd", "sizes.0.1M.optimizer: found sgd", "needs regularizer l2, or"),
    (
        "steps: 2000",
        "{steps: 2000, optimizer: sgd, learning_rate_width: 64}",
        "training.optimizer",
        "is Adam's",
    ),
    ("context: 8", "start_from: 1K", 'sizes.0.1M.start_from: found "1K"', "did you mean 10K?"),
    ("context: 8", "start_from: 10K", "start_from: found", "the d_model of 0.1M, which is 64, but has 32"),
    ("context: 8", "start_from: 0.1M", "start_from: found", "not lead back to 0.1M: 0.1M from 0.1M"),
    ("  steps: 2000", "", "training: found nothing (null)", "delete the key to have the default"),
    ("training:", "trainin:", "trainin: found an unknown key", "did you mean training?"),
    ("  steps: 2000", "measurement: {val_windows: some}", 'val_windows: found "some"', '100000000 or "all"'),
    ("corpus: play", "corpus: play\ncorpus: novel", ":2: corpus: the key is already in line 1"),
    ("  steps: 2000", "  {steps: 1, steps: 1}", ":7: training.steps: the key is already in line 7"),
    ("  steps: 2000", "\tsteps: 2000", ":7:1: not valid YAML", "spaces, not tabs"),
    ("n_layer: 1}", "n_layer: 1", ":5:7: not valid YAML"),
    (TRIAL, "", "the file is empty"),
    (TRIAL, "- 1\n", ":1: found a list"),
    (TRIAL, "description: nothing else\n", "sizes: found no such key", "required"),
    (TRIAL, "sizes: &all\n  all: *all\n", ":1: sizes: anchors (&) and aliases (*) are not supported"),
    ("context: 8", "<<: {context: 0}", ":5: sizes.0.1M: the merge key << is not supported"),
    ("{d_model: 32", "!model {d_model: 32", ":4: sizes.10K: the tag !model is not supported"),
    ("steps: 2000", "? [steps]\n  : 2000", ":7: training: a list or a section cannot be a key"),
    ("corpus: play", "figures: [fig1_hmt]", 'figures[0]: found "fig1_hmt"', "did you mean fig1_hmmt?"),
]


@pytest.mark.parametrize("case", EXPERIMENT_FAULTS)
def test_error_in_an_experiment_names_file_key_value_and_rule(root: Path, case: tuple[str, ...]) -> None:
    old, new, *expected = case
    assert old in TRIAL
    write(root, TRIAL.replace(old, new))
    assert_told(errors(root), "config/experiments/trial.yaml", expected)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("d_model: 32", "d_model: 33", 4),  # the value itself
        ("d_model: 32", "d_model: 3.5", 4),  # which then takes no part in the rule on n_head
        (", n_layer: 1}", "}", 4),  # the section that lacks a key
        ("steps: 2000", "betas: [0.9,\n    1]", 8),  # an item of a list
        ("  steps: 2000", "  steps: 10", None),  # a default does not stand in the file
    ],
)
def test_error_names_the_line(root: Path, old: str, new: str, line: int | None) -> None:
    write(root, TRIAL.replace(old, new))
    (found,) = errors(root)
    assert found.startswith(f"config/experiments/trial.yaml{f':{line}' if line else ''}: ")


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


def test_runs_start_from_one_of_their_shape_and_not_in_a_circle(root: Path) -> None:
    write(root, STARTS.replace("n_layer: 1}", "n_layer: 1, start_from: two, context: 8}"))
    told = "\n".join(line for line in errors(root) if "start_from" in line)
    # one leads into the circle, but is not on it.
    assert "sizes.one" not in told
    assert re.search("sizes.two.start_from: .* two from three from two", told)
    assert re.search("sizes.three.start_from: .* three from two from three", told)
    assert "must have the context of two, which is 256, but has 8" in told


def put(document: Any, place: tuple[Any, ...], value: Any) -> None:
    *parents, last = place
    for part in parents:
        document = document[part]
    document[last] = value


GENERATED = {"order": 3, "seed": 1}
CONFIG_FAULTS: list[tuple[Any, ...]] = [
    ("experiment", "trail", 'experiment: found "trail"', "did you mean trial?"),
    ("experiment", None, "experiment: found nothing (null)", "must be text"),
    ("experimnt", "trial", "experimnt: found an unknown key", "did you mean experiment?"),
    ("corpora", {}, "corpora: found an empty section"),
    ("corpora/play/sha256", "86c4", 'corpora.play.sha256: found "86c4"', "64 hexadecimal digits"),
    ("corpora/play/sha256", int("1" * 64), ".sha256: found 111", "64 hex", "as text only in quotes"),
    ("corpora/play/sha256", SHA256 + "\n", "corpora.play.sha256: found", "64 hexadecimal digits"),
    ("corpora/Jobs", {"file": "a"}, "corpora.Jobs: found the name Jobs", "logs, jobs are"),
    ("corpora/a\n", {"file": "a"}, r'corpora."a\n": found the name "a\n"', "a name must"),
    ("corpora/play", {"mirror_file": "a"}, "corpora.play.sha256: found no such key", "required"),
    ("corpora/play", {"sha256": SHA256}, "corpora.play: found a section (sha256)", "mirror_file"),
    ("corpora/play/urls", ["ftp://a/b"], 'corpora.play.urls[0]: found "ftp://a/b"', "https://"),
    ("corpora/play/stand_in", {**GENERATED, "order": 4}, "stand_in.order: found 4", "<= 3"),
    ("corpora/play/stand_in", GENERATED, "stand_in.characters: found no such key"),
    ("corpora/novel/urls", [], "corpora.novel.urls: found an unknown key", "file, sha256"),
    ("corpora/novel", "novel.txt", 'corpora.novel: found "novel.txt"', "a section with the keys file"),
    ("corpora/copy", {**GENERATED, "surrogate_of": "nowel"}, 'found "nowel"', "did you mean novel?"),
    ("corpora/copy", {**GENERATED, "surrogate_of": "copy"}, "a surrogate itself", "known here: play, novel"),
    ("corpora/copy", None, "corpora.copy: found nothing", "(or: order, seed, surrogate_of, characters; or: "),
    ("tracking", {"enabled": "on"}, 'tracking.enabled: found "on"', "true or false"),
    ("corpus_mirror", 5, "corpus_mirror: found 5", "or null"),
    ("replay", "Paper", 'replay: found "Paper"', "an experiment's name"),
]


@pytest.mark.parametrize("case", CONFIG_FAULTS)
def test_error_in_the_configuration_names_file_key_value_and_rule(root: Path, case: tuple[Any, ...]) -> None:
    place, value, *expected = case
    config = copy.deepcopy(CONFIG)
    put(config, tuple(place.split("/")), value)
    write(root, yaml.safe_dump(config, sort_keys=False), "config/config.yaml")
    assert_told(errors(root, config), "config/config.yaml", expected)


NO_NAMES = st.none() | st.booleans() | st.integers() | st.floats()


@MANY
@given(
    model=st.sampled_from([ConfigFile, ExperimentFile]),
    keys=KEYS.filter(len),
    value=VALUES | st.dictionaries(NO_NAMES, VALUES, max_size=3),
)
def test_no_document_brings_the_checks_down(model: Any, keys: list[int], value: Any) -> None:
    """Whatever value stands wherever, there is an experiment or a list of problems of one line each."""
    document = copy.deepcopy(CONFIG) if model is ConfigFile else yaml.safe_load(TRIAL)
    problems, valid = check(model, with_value(document, keys, value))
    problems += (
        check_sources(valid, ()) if model is ConfigFile else check_experiment(valid, ["play", "novel"])
    )
    assert all("\n" not in str(problem) for problem in problems)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("second.yml", "found the suffix .yml"),
        (
            "replay.yaml",
            "found the name replay; replay, published, *_recorded, recorded, corpora, benchmark, ",
        ),
        ("ising.yaml", "are reserved"),
        ("trial_recorded.yaml", "are reserved"),
        (f"{'a' * 65}.yaml", "64 characters at most"),
        ("Big.yaml", "must begin with a-z"),
        ("a\n.yaml", r'found the name "a\n"; '),
    ],
)
def test_error_in_the_name_of_an_experiment(root: Path, name: str, expected: str) -> None:
    write(root, TRIAL, f"config/experiments/{name}")
    (line,) = errors(root)
    shown = name if name.isprintable() else json.dumps(name)
    assert line.startswith(f"config/experiments/{shown}: ")
    assert expected in line


def test_names_of_64_characters_are_allowed(root: Path) -> None:
    name = "a" * 64
    write(root, TRIAL.replace("10K", name).replace("novel", name), f"config/experiments/{name}.yaml")
    (root / "config/experiments/trial.yaml").unlink()
    corpora = {"play": CONFIG["corpora"]["play"], name: {"file": "novel.txt"}}
    assert list(load_settings({"experiment": name, "corpora": corpora}, root).experiments) == [name]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # A section whose only name is a number is not called empty.
        ("corpus: play\nsizes:\n  10: {d_model: 2, n_head: 2, n_layer: 1}", ":3: sizes.10: found 10 as a "),
        (b"corpus: play\ndescription: caf\xe9\n", ":2: not UTF-8 text; save the file as UTF-8"),
        (b"corpus: play\n\x01", ":2: the character '\\x01' is not allowed in YAML"),
    ],
)
def test_these_files_have_one_error(root: Path, text: str | bytes, expected: str) -> None:
    content = text if isinstance(text, bytes) else text.encode()
    (root / "config/experiments/trial.yaml").write_bytes(content)
    (line,) = errors(root)
    assert line.startswith(f"config/experiments/trial.yaml{expected}")


def test_corpus_whose_name_is_a_number_is_told_beside_an_unknown_one(root: Path) -> None:
    found = errors(root, {**CONFIG, "corpora": {10: {"file": "novel.txt"}}})
    assert any("corpora.10: found 10 as a name" in line for line in found)
    assert any('corpus: found "play"; no such corpus' in line and "known here: 10" in line for line in found)


def test_hidden_and_other_files_are_passed_over(root: Path) -> None:
    for name in (".trial.yaml.swp", ".#trial.yaml", "._trial.yaml", "notes.txt"):
        write(root, ":", f"config/experiments/{name}")
    assert list(load_settings(CONFIG, root).experiments) == ["trial"]


def test_folder_without_experiments_is_an_error(root: Path) -> None:
    (root / "config/experiments/trial.yaml").unlink()
    assert errors(root) == ["config/experiments: found no experiment; add a file <name>.yaml"]


def test_recorded_experiments_are_known_by_their_folders(root: Path) -> None:
    for name in ("trial", ".record-x", "No"):
        (root / "results/recorded" / name).mkdir(parents=True)
    resolved = load_settings({**CONFIG, "experiment": "trial_recorded", "replay": "trial"}, root)
    assert resolved.recorded == {"trial_recorded": "trial", "replay": "trial"}
    (line,) = errors(root, {**CONFIG, "experiment": "trial_recordet"})
    assert "did you mean trial_recorded? known here: trial, trial_recorded, replay" in line


def test_machines_that_only_train_import_runs_with_the_standard_library_alone() -> None:
    blocked = ("pydantic", "ruamel", "yaml", "numpy", "snakemake", "mlflow")
    code = f"import sys; sys.modules.update(dict.fromkeys({blocked}))\n"
    code += "from orderparam.settings.experiment import Run, Seeds, Experiment; Run.from_dict"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT / "workflow", check=True)


def test_what_is_to_be_replayed_must_exist(root: Path) -> None:
    (told,) = errors(root, {**CONFIG, "replay": "tryal"})
    assert 'replay: found "tryal"; neither recorded in results/recorded nor an experiment' in told
    assert "did you mean trial?" in told


def test_aliases_of_aliases_in_another_configfile_are_told_at_once(root: Path) -> None:
    nested: Any = ["x"]
    for _ in range(40):
        nested = [nested] * 9
    (told,) = errors(root, {**CONFIG, "corpora": nested})
    assert "more than 100,000 values" in told


def test_aliases_and_deep_nesting_are_told(root: Path) -> None:
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40))]
    for text, told in (
        ("\n".join(lines), "anchors (&) and aliases (*) are not supported"),
        ("[" * 5000, "nested too deeply"),
    ):
        write(root, text)
        assert any(told in line for line in errors(root))


@pytest.mark.parametrize(("key", "least"), [("measure_every", 100), ("checkpoint_every", 1000)])
def test_measurements_without_end_are_refused(root: Path, key: str, least: int) -> None:
    text = f"training: {{steps: 100000000}}\nmeasurement: {{{key}: {least - 1}}}\n"
    write(root, TRIAL.replace("training:\n  steps: 2000\n", text))
    told = [line for line in errors(root) if key in line]
    assert told and all(f"must be >= {least}" in line for line in told)
