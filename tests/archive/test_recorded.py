"""Records: what goes in comes out, and what was touched since is refused."""

import itertools
import json
import threading
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orderparam.archive.add import add_jobs
from orderparam.archive.job import read_job
from orderparam.archive.record import Record
from orderparam.archive.replay import replay
from orderparam.errors import RecordError
from orderparam.files import read_json, sha256_of_file, write_json
from orderparam.settings.experiment import Experiment, Sampling, Seeds
from orderparam.tables import (
    METRICS,
    NGRAM_ENTROPIES,
    PROBES,
    STEPS,
    VERIFICATION,
    find_table,
    read_table,
    write_table,
)

PUBLISHED = pd.DataFrame(
    [("small", 10, 0.2, 2.628, 2.646, 1.871, "a blog")],
    columns=list(find_table("order_parameter.csv").columns),
)
ENVIRONMENT = {
    "device_name": "a processor",
    "torch": "2.13.0",
    "git_commit": "0123456789abcdef",
    "dirty": False,
    "seconds": 5400.0,
}
SAMPLE = "Bé or\r\nnot".encode()
SEEDS = (Seeds(1, 1, 1, 1), Seeds(2, 1, 2, 2), Seeds(3, 3, 3, 3))


@pytest.fixture
def experiment(make_run):
    sizes = {"small": 16, "large": 32}
    return Experiment(
        name="trial",
        description="A trial.",
        corpus="made_up",
        compare_with_published=True,
        seeds=SEEDS,
        seeds_per_job=1,
        runs={size: make_run(size=size, d_model=width, steps=20) for size, width in sizes.items()},
        verified_checkpoints=dict.fromkeys(sizes, "all"),
        probe_windows=dict.fromkeys(sizes, 4),
        sampling=Sampling(10, 1.0, 1, False),
    )


@pytest.fixture
def make_job(experiment, tmp_path):
    """A job as it lies in a folder of its own once it was extracted."""
    numbers = itertools.count()

    def make(*seeds, size="small", b=0.2, probed=True, mode="evaluation", **changes):
        seeds = seeds or SEEDS[:1]
        folder = tmp_path / "trained" / str(next(numbers))
        run = replace(experiment.runs[size], experiment="elsewhere", **changes)
        measured = pd.DataFrame({"step": np.arange(0, run.steps + 1, 10), "order_parameter": b})
        measured = measured.assign(train_loss=2.6, val_loss=2.7, hidden_magnetization=1.0)
        updates = pd.DataFrame({"step": np.arange(run.steps)})
        updates[list(STEPS.columns[3:])] = np.linspace(0.1, 0.2, 2 * run.steps).reshape(-1, 2)
        verified = pd.DataFrame([[99, 0.0, 0.0, 3, 3, 3.3, 2.5, 1.9]], columns=list(VERIFICATION.columns[2:]))
        probes = pd.DataFrame([[0, "head_stable_rank", *[None] * 3, 2.5]], columns=list(PROBES.columns[2:]))
        tables = {"metrics.csv": measured, "steps.parquet": updates, "verification.csv": verified}
        for name, table in (tables | ({"probes.csv": probes} if probed else {})).items():
            rows = [table.assign(size=size, seed=each.seed) for each in seeds]
            write_table(find_table(name).frame(pd.concat(rows)), folder / name)
        write_json(folder / "run.json", {"run": run.to_dict(), "seeds": [asdict(each) for each in seeds]})
        write_json(folder / "environment.json", ENVIRONMENT)
        (folder / "samples").mkdir()
        (folder / "samples" / f"seed-{seeds[0].seed}-{mode}.txt").write_bytes(SAMPLE)
        return read_job(folder)

    return make


@pytest.fixture
def add(tmp_path, experiment):
    corpora = tmp_path / "corpora"
    write_json(corpora / "made_up" / "vocabulary.json", {"characters": ["a"]})
    entropies = NGRAM_ENTROPIES.frame([[1, 3.3, 3.4]])
    write_table(entropies, corpora / "made_up" / "ngram_entropies.csv")

    def call(*jobs):
        return add_jobs(tmp_path / "recorded" / "trial", experiment, jobs, corpora, PUBLISHED)

    return call


def test_what_goes_in_comes_out(add, make_job, experiment):
    job = make_job()
    record = add(job)
    record.check()
    assert record.experiment() == experiment
    (found,) = record.jobs()
    assert (found.name, found.run, found.seeds) == ("seeds-1-1", job.run, job.seeds)
    for name in ("metrics.csv", "verification.csv", "probes.csv"):
        assert found.table(name).read_bytes() == job.table(name).read_bytes()
    steps, before = (read_table(each.table("steps.parquet")) for each in (found, job))
    np.testing.assert_allclose(steps[list(STEPS.columns[3:])], before[list(STEPS.columns[3:])], rtol=6e-8)
    assert found.environment == ENVIRONMENT
    assert found.samples() == record.samples()
    assert [sample.read_bytes() for sample in record.samples()] == [SAMPLE]


def test_a_job_without_probes_says_so(add, make_job):
    (found,) = add(make_job(probed=False)).jobs()
    assert not found.has("probes.csv")
    with pytest.raises(RecordError, match=r"probes\.csv: this job has no such table"):
        found.table("probes.csv")


def test_the_tables_of_every_step_may_stay_out(add, experiment, make_job, tmp_path):
    corpora = tmp_path / "corpora"
    with_steps, without = (
        add_jobs(tmp_path / str(keep), experiment, [make_job()], corpora, PUBLISHED, keep_steps=keep)
        for keep in (True, False)
    )
    assert {name for name in with_steps.sums if name not in without.sums} == {
        "runs/small/seeds-1-1/steps.parquet"
    }


def test_jobs_are_added_beside_others_and_replaced_by_name(add, make_job):
    add(make_job(), make_job(SEEDS[1], size="large"))
    record = add(make_job(SEEDS[2]), make_job(b=0.3))
    names = [("small", "seeds-1-1"), ("small", "seeds-3-3"), ("large", "seeds-2-2")]
    assert [(job.run.size, job.name) for job in record.jobs()] == names
    assert METRICS.read(record.jobs()[0].table("metrics.csv"))["order_parameter"].tolist() == [0.3] * 3
    assert sorted(path.name for path in record.folder.parent.iterdir()) == ["trial"]


def test_a_job_takes_the_place_of_all_whose_seeds_it_has(add, make_job):
    add(make_job(), make_job(SEEDS[1]), make_job(SEEDS[2], size="large"))
    record = add(make_job(*SEEDS, mode="dropout"))
    jobs = [("small", "seeds-1-3"), ("large", "seeds-3-3")]
    assert [(job.run.size, job.name) for job in record.jobs()] == jobs
    samples = [path.relative_to(record.folder).as_posix() for path in record.samples()]
    assert samples == ["samples/small/seed-1-dropout.txt", "samples/large/seed-3-evaluation.txt"]


def test_nothing_recorded_is_lost_to_a_job_with_less(add, make_job):
    before = add(make_job(*SEEDS[:2])).sums
    with pytest.raises(RecordError, match="seeds-1-2 would be replaced, but has seed 2 of small, which"):
        add(make_job())
    with pytest.raises(RecordError, match=r"seeds-1-2 .* has 20 steps of small, the new job has 10; --rec"):
        add(make_job(*SEEDS[:2], steps=10))
    with pytest.raises(RecordError, match=r"2 of these jobs have seed 1 of large; a record has each run onc"):
        add(make_job(size="large"), make_job(*SEEDS, size="large"))
    after = add(make_job(SEEDS[2]))
    assert before.items() <= after.sums.items()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 1.0}, "trained with learning_rate 1.0, but trial has 0.003: not a run of that"),
        ({"attention": "ablated"}, "trained with attention ablated"),
        ({"steps": 30}, "has more steps than trial"),
        ({"size": "giant"}, "has no size giant"),
    ],
)
def test_a_run_of_another_protocol_is_refused(add, make_job, changes, message, tmp_path):
    job = make_job()
    with pytest.raises(RecordError, match=message):
        add(replace(job, run=replace(job.run, **changes)))
    assert not (tmp_path / "recorded").exists()


def test_a_corpus_without_its_entropies_is_named(add, make_job, tmp_path):
    lacking = tmp_path / "corpora" / "made_up" / "ngram_entropies.csv"
    lacking.unlink()
    with pytest.raises(RecordError, match=f"{lacking}: missing.*snakemake --cores 1 results/corpora/made_up"):
        add(make_job())
    assert not (tmp_path / "recorded").exists()


def test_a_shorter_run_measured_elsewhere_is_taken_and_told(add, make_job):
    record = add(make_job(), make_job(SEEDS[1]), make_job(SEEDS[2]), make_job(size="large", steps=10))
    assert record.missing_runs() == ["large: 3 of 3 runs of 20 steps (seed 1 ends at step 10)"]
    assert "**Not recorded:** large: 3 of 3 runs" in (record.folder / "README.md").read_text()


def test_readme_shows_what_one_run_measured_without_a_verdict(add, make_job):
    readme = (add(make_job(b=0.199)).folder / "README.md").read_text()
    assert "| small | 10 | b | 0.2 | 0.199 | - | 1 | one run: no interval |" in readme
    assert "| small | b | 1 | -0.5% | no interval |" in readme


def test_readme_shows_a_machine_s_name_as_text(add, make_job):
    job = make_job()
    named = {"device_name": "[a](b.org) <img> `c`", "precision": 16}
    write_json(job.folder / "environment.json", {**ENVIRONMENT, **named})
    readme = (add(read_job(job.folder)).folder / "README.md").read_text()
    assert r"| \[a\](b.org) \<img\> \`c\`, 16 |" in readme


def test_readme_tells_which_checkpoints_were_not_recomputed(add, make_job):
    whole, partly = make_job(), make_job(SEEDS[1])
    verified = VERIFICATION.read(partly.table("verification.csv")).assign(checkpoints=1)
    write_table(verified, partly.folder / "verification.csv")
    readme = (add(whole, partly).folder / "README.md").read_text()
    assert "(the rest were not kept): small seed 2: 1 of 3 checkpoints.\n" in readme
    assert "in part only" not in (add(make_job(SEEDS[1])).folder / "README.md").read_text()


def test_readme_judges_by_the_runs_that_share_the_published_weights(add, make_job):
    alike = (make_job(b=0.199), make_job(SEEDS[1], b=0.2), make_job(Seeds(4, 1, 4, 4), b=0.201))
    record = add(*alike, make_job(SEEDS[2], b=9.0))
    readme = (record.folder / "README.md").read_text()
    # Three runs, so t = 4.3027 with two degrees of freedom: 0.2 +- 4.3027 * 0.001 * sqrt(4 / 3).
    assert "| small | 10 | b | 0.2 | 0.2 | 0.19503 to 0.20497 | 3 | yes |" in readme
    # Runs without spread leave the published losses' own noise: 1.96 of 0.0015 and of 1%.
    assert "| small | 10 | training loss | 2.628 | 2.6 | 2.5971 to 2.6029 | 3 | no |" in readme
    assert "| small | 10 | validation loss | 2.646 | 2.7 | 2.6481 to 2.7519 | 3 | no |" in readme
    assert r"| small | mean \|h\| | 1 | -46.6% | 0 of 1 |" in readme
    assert "| small | 3 | 3 | 3, 3 | 20 | 1.50 | a processor | 2.13.0 | 0123456789 |" in readme


@pytest.mark.parametrize("damage", ["one bit", "cut", "missing"])
def test_a_damaged_file_is_named(add, make_job, damage):
    record = add(make_job())
    assert {Path(name).parts[0] for name in record.sums} == {"experiment.json", "corpora", "runs", "samples"}
    for name in record.sums:
        path = record.folder / name
        original = path.read_bytes()
        content = bytearray(original)
        content[len(content) // 2] ^= 1
        path.write_bytes(content if damage == "one bit" else original[:-1])
        if damage == "missing":
            path.unlink()
        expected = "missing, but" if damage == "missing" else "damaged or edited: expected sha256"
        with pytest.raises(RecordError, match=rf"trial/{name}: {expected}"):
            Record(record.folder).check()
        path.write_bytes(original)
    record.check()


def test_a_file_that_is_not_listed_is_named(add, make_job):
    record = add(make_job())
    (record.folder / "runs" / "small" / "extra.csv").write_text("1")
    with pytest.raises(RecordError, match=r"runs/small/extra\.csv: not in manifest\.json"):
        record.check()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("{", "not valid JSON"),
        ("[]", "not the manifest of a record"),
        ('{"format": 1}', "not the manifest of a record"),
        ('{"format": 2, "files": {}}', "has format 2, this version reads 1"),
    ],
)
def test_a_damaged_manifest_is_refused(add, make_job, content, message):
    folder = add(make_job()).folder
    if content is None:
        (folder / "manifest.json").unlink()
    else:
        (folder / "manifest.json").write_text(content)
    with pytest.raises(RecordError, match=message):
        Record(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: [], "not an experiment as this version knows it"),
        (lambda content: {**content, "later": 1}, "not an experiment .*'later'.*; use the version that"),
        (lambda content: {**content, "seeds": [1]}, "not an experiment as this version knows it"),
        (
            lambda content: {**content, "runs": {}},
            "seeds-1-1: a run of small, which experiment",
        ),
    ],
)
def test_an_experiment_that_this_version_does_not_know_is_told(add, make_job, change, message):
    folder = add(make_job()).folder
    write_json(folder / "experiment.json", change(read_json(folder / "experiment.json")))
    manifest = read_json(folder / "manifest.json")
    manifest["files"]["experiment.json"] = sha256_of_file(folder / "experiment.json")
    write_json(folder / "manifest.json", manifest)
    with pytest.raises(RecordError, match=message):
        replay("trial_recorded", Record(folder), None)


@pytest.mark.parametrize("name", ["../secret", "{outside}/secret", "runs/small/link.csv", "linked/secret"])
def test_a_record_has_files_of_its_own_only(add, make_job, tmp_path, name):
    folder, secret = add(make_job()).folder, tmp_path / "recorded/secret"
    secret.write_text("secret")
    (folder / "runs/small/link.csv").symlink_to(secret)
    (folder / "linked").symlink_to(secret.parent)
    manifest = read_json(folder / "manifest.json")
    manifest["files"][name.format(outside=secret.parent)] = sha256_of_file(secret)
    write_json(folder / "manifest.json", manifest)
    with pytest.raises(RecordError, match=r"(secret|link\.csv): a link, or out of the record"):
        Record(folder).check_listed()


def test_nothing_is_added_to_a_damaged_record(add, make_job):
    record = add(make_job())
    path = record.folder / "runs/small/seeds-1-1/metrics.csv"
    path.write_text(path.read_text().replace("2.6", "2.5"))
    before = path.read_text()
    with pytest.raises(RecordError, match="damaged or edited"):
        add(make_job(SEEDS[1]))
    assert path.read_text() == before
    assert [entry.name for entry in record.folder.parent.iterdir()] == ["trial"]


def test_a_replayed_experiment_has_the_recorded_runs_under_its_own_name(add, make_job, experiment):
    record = add(make_job(SEEDS[2]), make_job())
    # A figure that no longer exists is left out: records outlive it.
    named = ("fig2_architecture", "dropped_since")
    namesake = replace(experiment, compare_with_published=False, figures=named)
    replayed = replay("again", record, namesake)
    description = "A trial. Drawn from the recorded runs of trial, without training."
    assert (replayed.name, replayed.replay_of, replayed.description) == ("again", "trial", description)
    assert (replayed.compare_with_published, replayed.figures) == (False, named[:1])
    assert list(replayed.runs) == ["small"]
    assert replayed.runs["small"] == replace(experiment.runs["small"], experiment="again")
    assert replayed.seeds == (SEEDS[0], SEEDS[2])
    assert Experiment.from_dict(json.loads(json.dumps(replayed.to_dict()))) == replayed


def test_a_record_of_an_earlier_version_lacks_keys_that_came_later(add, make_job):
    record = add(make_job())
    name = "runs/small/seeds-1-1/run.json"
    content = read_json(record.path(name))
    del content["run"]["attention"]
    write_json(record.folder / name, content)
    sums = {**record.sums, name: sha256_of_file(record.folder / name)}
    write_json(record.folder / "manifest.json", {"format": 1, "files": sums})
    assert Record(record.folder).jobs()[0].run.attention == "causal"


def test_of_two_who_add_at_once_neither_loses_its_job(add, make_job, monkeypatch):
    add(make_job())
    both = threading.Barrier(2)
    # Alone, the second is not there yet.
    monkeypatch.setattr("orderparam.archive.add.render_readme", lambda *given: _meet(both) or "read me")
    others = [threading.Thread(target=add, args=(make_job(seeds),)) for seeds in SEEDS[1:]]
    for each in others:
        each.start()
    for each in others:
        each.join()
    record = add(make_job())
    assert [job.name for job in record.jobs()] == ["seeds-1-1", "seeds-2-2", "seeds-3-3"]


def _meet(barrier):
    with suppress(threading.BrokenBarrierError):
        barrier.wait(timeout=1)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupted_addition_leaves_the_earlier_record(add, make_job, monkeypatch, tmp_path, error):
    folder = add(make_job()).folder
    before = contents(tmp_path / "recorded")
    with monkeypatch.context() as patched, pytest.raises(error):
        rename = Path.rename

        def stop(path, target):
            if path.name.endswith(".new"):
                raise error
            return rename(path, target)

        patched.setattr(Path, "rename", stop)
        add(make_job(SEEDS[1]))
    assert contents(tmp_path / "recorded") == before
    # After SIGKILL in the same moment the next one finds it set aside.
    folder.rename(folder.with_name(".trial.old"))
    (folder.parent / ".trial.new").mkdir()
    assert len(add(make_job(SEEDS[1])).jobs()) == 2
    assert [path.name for path in folder.parent.iterdir()] == ["trial"]


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
