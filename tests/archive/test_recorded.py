"""Records: what goes in comes out, and what was touched since is refused."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from orderparam.archive import Record, missing_runs
from orderparam.archive.add import add_jobs
from orderparam.archive.finished_job import FinishedJob
from orderparam.archive.tables import load_tables
from orderparam.errors import RecordError
from orderparam.files import read_json, sha256_of_file, write_json
from orderparam.settings.experiment import Experiment, Sampling, Seeds
from orderparam.tables import METRICS, NGRAM_ENTROPIES, PROBES, STEPS, VERIFICATION, write_table

PUBLISHED = pd.DataFrame(
    {"size": ["small"], "step": [10], "order_parameter": [0.2], "train_loss": [2.628], "source": ["a blog"]}
)
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
def make_job(experiment):
    def make(seeds=SEEDS[0], size="small", b=0.2, **changes):
        run = replace(experiment.runs[size], experiment="elsewhere", **changes)
        steps = np.arange(0, run.steps + 1, 10)
        columns = dict(zip(METRICS.columns[3:], ([b] * len(steps), 2.6, 2.7, 1.0), strict=True))
        metrics = pd.DataFrame({"size": size, "seed": seeds.seed, "step": steps, **columns})
        updates = pd.DataFrame({"size": size, "seed": seeds.seed, "step": np.arange(run.steps)})
        updates[list(STEPS.columns[3:])] = np.linspace(0.1, 0.2, 2 * run.steps).reshape(-1, 2)
        verification = pd.DataFrame(
            [[size, seeds.seed, 99, 0.0, 0.0, 3, 3]], columns=list(VERIFICATION.columns)
        )
        environment = {
            "device_name": "a processor",
            "torch": "2.13.0",
            "git_commit": "0123456789abcdef",
            "dirty": False,
            "seconds": 5400.0,
        }
        samples = {f"seed-{seeds.seed}-evaluation.txt": "Bé or\r\nnot"}
        probes = pd.DataFrame([[size, seeds.seed, 0, "head_stable_rank", *[None] * 3, 2.5]])
        probes.columns = list(PROBES.columns)
        return FinishedJob(run, (seeds,), metrics, updates, verification, probes, environment, samples)

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
    pd.testing.assert_frame_equal(METRICS.read(found.metrics), job.metrics, check_dtype=False)
    steps = STEPS.read(found.folder / "steps.parquet")
    np.testing.assert_allclose(steps[list(STEPS.columns[3:])], job.steps[list(STEPS.columns[3:])], rtol=6e-8)
    assert PROBES.read(found.probes)["value"].tolist() == [2.5]
    assert found.environment == job.environment
    (sample,) = record.samples()
    assert sample.read_bytes() == "Bé or\r\nnot".encode()


def test_a_job_without_probes_says_so(add, make_job):
    (found,) = add(replace(make_job(), probes=None)).jobs()
    with pytest.raises(RecordError, match=r"probes\.csv: the probes of this job were not recorded"):
        _ = found.probes


def test_tables_of_all_jobs_are_loaded_checked_and_in_order(add, make_job):
    record = add(make_job(SEEDS[1], size="large"), make_job(SEEDS[2]), make_job())
    metrics, verification, probes = load_tables(record, "metrics", "verification", "probes")
    runs = [("small", 1), ("small", 3), ("large", 2)]
    for table in (metrics.drop_duplicates(["size", "seed"]), verification, probes):
        assert list(zip(table["size"], table["seed"], strict=True)) == runs
    assert metrics["step"].tolist() == [0, 10, 20] * 3
    (record.folder / "runs/small/seeds-1-1/environment.json").unlink()
    with pytest.raises(RecordError, match=r"environment\.json: missing"):
        load_tables(record, "metrics")


def test_jobs_are_added_beside_others_and_replaced_by_name(add, make_job):
    add(make_job(), make_job(SEEDS[1], size="large"))
    record = add(make_job(SEEDS[2]), make_job(b=0.3))
    assert [(job.run.size, job.name) for job in record.jobs()] == [
        ("small", "seeds-1-1"),
        ("small", "seeds-3-3"),
        ("large", "seeds-2-2"),
    ]
    assert METRICS.read(record.jobs()[0].metrics)["order_parameter"].tolist() == [0.3] * 3
    assert sorted(path.name for path in record.folder.parent.iterdir()) == ["trial"]


def of_seeds(job, seeds):
    samples = {f"seed-{seeds[0].seed}-dropout.txt": "new"}
    return replace(job, seeds=tuple(seeds), samples=samples)


def test_a_job_takes_the_place_of_all_whose_seeds_it_has(add, make_job):
    add(make_job(), make_job(SEEDS[1]), make_job(SEEDS[2], size="large"))
    record = add(of_seeds(make_job(), SEEDS))
    assert [(job.run.size, job.name) for job in record.jobs()] == [
        ("small", "seeds-1-3"),
        ("large", "seeds-3-3"),
    ]
    assert [path.relative_to(record.folder / "samples").as_posix() for path in record.samples()] == [
        "small/seed-1-dropout.txt",
        "large/seed-3-evaluation.txt",
    ]


def test_nothing_recorded_is_lost_to_a_job_with_less(add, make_job):
    before = add(of_seeds(make_job(), SEEDS[:2])).sums
    with pytest.raises(RecordError, match=r"seeds-1-2: would be replaced, but has seed 2 of small, which"):
        add(make_job())
    with pytest.raises(RecordError, match=r"seeds-1-2: .* has 20 steps of small, the new job has 10; --rec"):
        add(of_seeds(make_job(steps=10), SEEDS[:2]))
    with pytest.raises(RecordError, match=r"2 of these jobs have seed 1 of large; a record has each run onc"):
        add(make_job(size="large"), of_seeds(make_job(size="large"), SEEDS))
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
    assert missing_runs(record) == ["large: 3 of 3 runs of 20 steps (seed 1 ends at step 10)"]
    assert "**Not recorded:** large: 3 of 3 runs" in (record.folder / "README.md").read_text()


def test_readme_shows_what_one_run_measured_without_a_verdict(add, make_job):
    readme = (add(make_job(b=0.199)).folder / "README.md").read_text()
    assert "| small | 10 | *b* | 0.2 | 0.199 | - | 1 | one run only |" in readme
    assert "can be judged" not in readme


def test_readme_judges_by_the_runs_that_share_the_published_weights(add, make_job):
    record = add(make_job(b=0.199), make_job(SEEDS[1], b=0.201), make_job(SEEDS[2], b=9.0))
    readme = (record.folder / "README.md").read_text()
    # Two runs, so t = 12.706 with one degree of freedom: 0.2 +- 12.706 * 0.0014142 * sqrt(1.5).
    assert "| small | 10 | *b* | 0.2 | 0.2 | 0.17799 to 0.22201 | 2 | yes |" in readme
    assert "| small | 10 | training loss | 2.628 | 2.6 | 2.6 to 2.6 | 2 | no |" in readme
    assert "1 of 2 values that can be judged lie inside" in readme
    assert "| small | 3 | 3 | 3, 3 | 20 | 1.50 | a processor | 2.13.0 | 0123456789 |" in readme


NAMES = (
    "experiment.json",
    "corpora/made_up/vocabulary.json",
    "corpora/made_up/ngram_entropies.csv",
    "runs/small/seeds-1-1/run.json",
    "runs/small/seeds-1-1/metrics.csv",
    "runs/small/seeds-1-1/steps.parquet",
    "samples/small/seed-1-evaluation.txt",
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", ["one bit", "cut", "missing"])
def test_a_damaged_file_is_named(add, make_job, name, damage):
    record = add(make_job())
    path = record.folder / name
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content if damage == "one bit" else content[:-1])
    expected = "missing, but" if damage == "missing" else "damaged or edited: expected sha256"
    with pytest.raises(RecordError, match=rf"trial/{name}: {expected}"):
        Record(record.folder).check()


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
    replayed = record.replayed("again", "Drawn anew.", compare_with_published=False, figures=["fig3_x"])
    assert (replayed.name, replayed.replay_of, replayed.description) == ("again", "trial", "Drawn anew.")
    assert replayed.compare_with_published is False
    assert replayed.figures == ("fig3_x",)
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
