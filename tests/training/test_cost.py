"""What is asked of a cluster, against what all recorded runs took, and how it grows."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from runs import make_run

from orderparam.settings.config import load_project_settings
from orderparam.settings.experiment import Run
from orderparam.training.cost import megabytes, minutes, seconds_to_read, seconds_to_train

PROJECT = Path(__file__).parents[2]
CHARACTERS = 1_115_394


@pytest.fixture(scope="module")
def recorded():
    """Of each recorded training its run, its number of seeds, and its seconds on one core."""
    found = []
    for path in sorted((PROJECT / "results/recorded").glob("*/runs/*/*/environment.json")):
        machine, job = json.loads(path.read_text()), json.loads(path.with_name("run.json").read_text())
        if not machine.get("cuda"):
            found.append((Run.from_dict(job["run"]), len(job["seeds"]), machine["seconds"]))
    assert len(found) > 100
    return found


def test_recorded_runs_ended_within_what_is_asked(recorded):
    late = [
        run.experiment
        for run, seeds, seconds in recorded
        if seconds > 60 * minutes(seconds_to_train(run, seeds, CHARACTERS, False), 1)
    ]
    # Some shared their core with much else, or were halted for a while.
    assert len(late) <= 0.02 * len(recorded), late


def test_the_estimate_without_margin_is_of_the_order_of_what_was_measured(recorded):
    ratios = sorted(
        seconds / seconds_to_train(run, seeds, CHARACTERS, False) for run, seeds, seconds in recorded
    )
    assert 0.5 < ratios[len(ratios) // 2] < 3
    # Records are of several machines, and the fastest take half of what the slowest do.
    assert ratios[len(ratios) // 10] > 0.25


def test_memory_of_the_articles_sizes_exceeds_what_was_measured():
    measured = {"10K": 466, "0.1M": 529, "1M": 774, "10M": 1650}
    runs = load_project_settings(PROJECT).experiments["paper"].runs
    for size, peak in measured.items():
        assert 1.3 * peak < megabytes(runs[size], False, 1) < 5 * peak + 1000


def test_more_work_asks_for_more_and_a_retry_for_twice_as_much():
    run = make_run(steps=100_000, batch_size=64, context=256)
    one = seconds_to_train(run, 1, CHARACTERS, False)
    assert seconds_to_train(run, 8, CHARACTERS, False) == 8 * one
    assert seconds_to_train(replace(run, steps=200_000), 1, CHARACTERS, False) > 1.9 * one
    assert seconds_to_train(run, 1, CHARACTERS, True) < one
    assert seconds_to_train(run, 1, CHARACTERS, True) >= run.steps * 0.01
    every = replace(run, train_windows="all", val_windows="all")
    assert seconds_to_read(every, 1, 10 * CHARACTERS, 3, False) == pytest.approx(
        10 * seconds_to_read(every, 1, CHARACTERS, 3, False), rel=1e-3
    )
    assert minutes(one, 3) == 4 * minutes(one, 1)
    assert megabytes(run, False, 2) == 2 * megabytes(run, False, 1)
    assert megabytes(run, True, 1) > megabytes(run, False, 1)
    assert megabytes(replace(run, d_model=2048, n_head=16, n_layer=24), False, 1) > 60_000
