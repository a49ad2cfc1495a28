"""What the rules ask of an experiment, trained here or recorded."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from orderparam import lookup
from orderparam.archive.replay import with_recorded
from orderparam.errors import ConfigError, RecordError
from orderparam.settings.config import find_experiment, load_project_settings

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def settings():
    return with_recorded(load_project_settings(PROJECT), PROJECT)


@pytest.fixture
def smoke(settings):
    return settings.experiments["smoke"]


@pytest.fixture
def replay(settings, monkeypatch):
    monkeypatch.chdir(PROJECT)
    return settings.experiments["replay"]


def test_an_unknown_name_is_told_with_the_known_ones(settings, smoke):
    with pytest.raises(ConfigError, match='there is no experiment "nope"; known here: '):
        find_experiment(settings, "nope")
    with pytest.raises(ConfigError, match='experiment smoke has no size "giga"; known here: nano, micro'):
        lookup.find_run(smoke, "giga")
    with pytest.raises(ConfigError, match=r'has no training job "seeds-9-9"; .* seeds-1-1, seeds-2-2'):
        lookup.find_seeds(smoke, "seeds-9-9")
    with pytest.raises(ConfigError, match="experiment smoke has no seed 7; known here: 1, 2"):
        lookup.job_of_seed(smoke, 7)


def test_an_experiment_whose_record_is_damaged_says_why():
    settings = SimpleNamespace(experiments={}, unreadable={"again": "the file is cut"})
    with pytest.raises(RecordError, match="experiment again cannot be replayed: the file is cut"):
        find_experiment(settings, "again")


def test_a_replay_takes_tables_and_corpora_from_its_record_and_trains_nothing(replay):
    tables = lookup.tables_of_jobs(replay, "metrics.csv")
    assert tables
    assert all(path.startswith("results/recorded/paper/runs/") for path in tables)
    assert set(tables) < set(lookup.files_of_record(replay))
    (vocabulary,) = lookup.corpora_files(replay, "vocabulary.json")
    assert (PROJECT / vocabulary).is_file()
    with pytest.raises(ConfigError, match="'replay' replays what is recorded of 'paper': it has no runs "):
        lookup.find_run(replay, "10K")
    assert lookup.tables_to_judge(replay, ["metrics.csv", "probes.csv", "comparison.csv"]) == [
        "results/replay/metrics.csv",
        "results/replay/comparison.csv",
    ]


def test_an_experiment_that_is_trained_here_has_a_table_of_each_job(smoke):
    assert lookup.tables_of_jobs(smoke, "probes.csv") == [
        f"results/smoke/runs/{size}/seeds-{seed}-{seed}/probes.csv"
        for size in ("nano", "micro")
        for seed in (1, 2)
    ]
    assert lookup.files_of_record(smoke) == lookup.missing_runs(smoke) == []


def test_published_values_are_drawn_only_where_they_are_compared(smoke):
    figure = "fig4_loss_vs_order_parameter"
    assert "published" not in lookup.figure_inputs(smoke, figure)
    inputs = lookup.figure_inputs(replace(smoke, compare_with_published=True), figure)
    assert inputs["published"] == "results/published/metrics.csv"
    assert inputs["metrics"] == "results/smoke/metrics.csv"
    assert inputs["ngram_entropies"] == f"results/corpora/{smoke.corpus}/ngram_entropies.csv"
    assert inputs["vocabularies"] == [f"results/corpora/{smoke.corpus}/vocabulary.json"]


def test_of_the_published_values_figures_take_no_run_of_ours(settings):
    published = settings.experiments["published"]
    inputs = lookup.figure_inputs(published, "fig5_loss_derivative_vs_order_parameter")
    assert inputs["published"] == "results/published/derivative.csv"
    assert not {"metrics", "derivative"} & inputs.keys()
    assert lookup.samples_of(published) == lookup.files_of_record(published) == []
    assert lookup.missing_runs(published) == []
    assert lookup.tables_to_judge(published, ["metrics.csv", "comparison.csv", "verification.csv"]) == [
        "results/published/metrics.csv"
    ]
    assert "the author's values, not run here" in lookup.label_of(published)


def test_a_target_that_nothing_makes_is_told_with_the_known_names(settings):
    for target in ("results/smoke/metrics.csv", "results/recorded/x", "results/claims.csv", "all", "docs/x"):
        lookup.check_target(target, settings)
    lookup.check_target("results/smoke/figures/fig2_architecture.mmd", settings)
    with pytest.raises(ConfigError, match=r'no figure "fig9"; .*known here: .*fig1_hmmt'):
        lookup.check_target("results/smoke/figures/fig9.svg", settings)
    with pytest.raises(ConfigError, match=r'no experiment "smok"; did you mean smoke'):
        lookup.check_target("results/smok/metrics.csv", settings)
