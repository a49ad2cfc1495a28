"""Experiments that are drawn from recorded runs: each folder of results/recorded/, and `replay`."""

from dataclasses import replace
from pathlib import Path

import pytest

from orderparam.archive.replay import with_recorded
from orderparam.lookup import one_of_each_record
from orderparam.settings.config import load_project_settings

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def settings():
    return load_project_settings(PROJECT)


def test_each_record_is_an_experiment_without_a_file(settings):
    resolved = with_recorded(settings, PROJECT)
    folders = [path.name for path in (PROJECT / "results/recorded").iterdir()]
    assert resolved.unreadable == {}
    for name in folders:
        recorded, configured = resolved.experiments[f"{name}_recorded"], settings.experiments[name]
        assert recorded.replay_of == name
        assert {run.experiment for run in recorded.runs.values()} == {f"{name}_recorded"}
        assert recorded.compare_with_published == configured.compare_with_published
        # These records have no probes.
        left_out = {"attention_and_ngrams"} if name in ("onset", "paper_10m_start") else set()
        assert [*recorded.figures] == [each for each in configured.figures if each not in left_out]
        sentence = f"Drawn from the recorded runs of {name}, without training."
        assert recorded.description == f"{configured.description} {sentence}"


def test_of_experiments_of_one_record_one_is_shown(settings):
    replays = [each for each in with_recorded(settings, PROJECT).experiments.values() if each.replay_of]
    shown = one_of_each_record(replays)
    assert {each.name for each in replays} - set(shown) == {"paper_recorded"}
    assert {"replay", "published", "seeds_recorded"} <= set(shown)


def test_replay_is_the_article_s_protocol(settings):
    experiments = with_recorded(settings, PROJECT).experiments
    replay, recorded = experiments["replay"], experiments["paper_recorded"]
    runs = {size: replace(run, experiment="replay") for size, run in recorded.runs.items()}
    assert replay == replace(recorded, name="replay", runs=runs)


def test_published_has_the_protocol_of_the_published_numbers_and_one_run_of_each_size(settings):
    published = with_recorded(settings, PROJECT).experiments["published"]
    paper = settings.experiments["paper"]
    runs = {size: replace(run, experiment="paper") for size, run in published.runs.items()}
    assert runs == paper.runs
    assert [seeds.seed for seeds in published.seeds] == [1337]
    assert published.is_published and not paper.is_published


def test_a_record_says_itself_what_no_file_says(settings):
    resolved = with_recorded(replace(settings, experiments={}), PROJECT)
    assert resolved.experiments["decay_recorded"].figures == ("decay_sweep",)


def test_a_damaged_record_is_no_obstacle_to_the_others(settings):
    names = {"gone_recorded": "gone", "decay_recorded": "decay"}
    resolved = with_recorded(replace(settings, recorded=names), PROJECT)
    assert "decay_recorded" in resolved.experiments
    assert list(resolved.unreadable) == ["gone_recorded"]
    assert "results/recorded/gone/manifest.json: no such file" in resolved.unreadable["gone_recorded"]
