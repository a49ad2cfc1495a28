"""No source of the corpus can be reached; later one can. And that a run elsewhere gives the same bytes."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import pytest
import tiny_shakespeare
from mlflow import MlflowClient
from project_copy import (
    CORPUS,
    FIGURES,
    SMOKE,
    Finished,
    ProjectCopy,
    closed_port,
    loopback_sources,
    texts_of,
)

from orderparam.files import sha256_of_file

NOTICE = "STAND-IN for tiny_shakespeare"
TOKENS = f"results/corpora/{CORPUS}/tokens.npy"
# What may differ between two runs of the same experiment: what tells of time, place and process.
VARYING = re.compile(
    r"(corpora|smoke)/(jobs|logs|kept)/"
    r"|.*\.benchmark\.tsv$"
    r"|mlflow\.db$|\.mlflow\.db\.lock$|mlflow-artifacts/|\.tracking/"
    r"|.*/\.snakemake_timestamp$"
)


# Beside the project, as what was printed is.
SOURCES = ("--configfile", "../sources.yaml")


def build_offline(folder: Path) -> None:
    """A copy under another path than that of `smoke`, run without any source of the corpus."""
    project = ProjectCopy.make(folder / "another path" / "cöpy", mirror=False)
    project.write("../sources.yaml", loopback_sources(closed_port()))
    done = project.build("--cores", "2", *SOURCES, *SMOKE, timeout=400)
    project.write("../output.txt", done.output)


def build_replaced(offline: ProjectCopy, folder: Path) -> None:
    """The mirror appears, and the documented command is given."""
    project = offline.clone(folder / "another path", keep_store=True)
    project.link_mirror()
    done = project.build("--cores", "2", *SMOKE, "--forcerun", "get_corpus", *SOURCES, timeout=400)
    project.write("../output.txt", done.output)


@pytest.fixture(scope="session")
def offline(make_once) -> ProjectCopy:
    return ProjectCopy(make_once("offline", build_offline) / "another path" / "cöpy")


@pytest.fixture(scope="session")
def replaced(offline, make_once) -> ProjectCopy:
    if not tiny_shakespeare.PATH.is_file():
        pytest.skip(f"Tiny Shakespeare is not at {tiny_shakespeare.PATH}")
    return ProjectCopy(make_once("replaced", partial(build_replaced, offline)) / "another path" / "cöpy")


def printed(project: ProjectCopy) -> Finished:
    return Finished(0, project.read("../output.txt"))


def figure_texts(project: ProjectCopy) -> dict[str, str]:
    return {name: texts_of(project.read(f"results/smoke/figures/{name}.svg")) for name in FIGURES}


def corpus_tags(project: ProjectCopy) -> dict[str, str]:
    """The tag `corpus` of each job of the latest invocation, by the run's name."""
    client = MlflowClient(tracking_uri=project.store)
    experiments = [each.experiment_id for each in client.search_experiments()]
    runs = client.search_runs(experiments, max_results=1000, order_by=["start_time DESC"])
    latest = next(run for run in runs if "rule" not in run.data.tags).info
    return {
        run.info.run_name: run.data.tags["corpus"]
        for run in runs
        if run.info.start_time >= latest.start_time and "corpus" in run.data.tags
    }


def test_without_a_source_everything_is_made_from_the_stand_in_and_says_so(offline):
    project = offline
    manifest = json.loads(project.read(f"results/corpora/{CORPUS}/corpus.json"))
    assert manifest["stand_in"] is True
    assert manifest["notice"].startswith(NOTICE)
    vocabulary = json.loads(project.read(f"results/corpora/{CORPUS}/vocabulary.json"))
    # Rare symbols of the text are in the vocabulary though the stand-in may lack them.
    assert len(vocabulary["characters"]) == 65
    assert NOTICE in project.read(f"results/corpora/logs/get_corpus/{CORPUS}.log").splitlines()[-1]
    assert [name for name, text in figure_texts(project).items() if NOTICE not in text] == []
    page = project.read("results/smoke/write_up.html")
    assert NOTICE in page[: page.index("<h2")]
    assert printed(offline).last_line.startswith("Browse the tracked runs: make ui [STAND-IN CORPUS ")
    assert NOTICE in printed(offline).last_line


def test_the_runs_in_the_store_name_the_stand_in(offline):
    tags = corpus_tags(offline)
    named = [
        f"{CORPUS} · get corpus",
        "nano · seed 1 · train",
        "write up",
        *("Figure " + f.removeprefix("fig").replace("_", " · ", 1).replace("_", " ") for f in FIGURES),
    ]
    assert [name for name in named if name not in tags] == []
    assert [name for name, tag in tags.items() if f"(STAND-IN: {NOTICE}" not in tag] == []


def test_nothing_that_bears_the_corpus_own_name_was_made(offline):
    assert [path for path in offline.results.rglob("tiny_shakespeare*") if path.name != CORPUS] == [
        path for path in offline.results.rglob(f"{CORPUS}.log")
    ]


def test_the_paper_fails_without_a_source_and_says_what_to_do(offline, tmp_path):
    project = offline.clone(tmp_path / "clone")
    done = project.snakemake("--cores", "1", "results/corpora/tiny_shakespeare/tokens.npy", *SOURCES)
    assert done.status != 0
    assert "corpus tiny_shakespeare: no source could be reached" in done.output
    assert re.search(r"http://127\.0\.0\.1:\d+/input\.txt", done.output)
    assert "../shared/corpora/tiny_shakespeare.txt" in done.output
    assert "Place the file in the mirror folder ../shared/corpora as tiny_shakespeare.txt" in done.output
    assert "Traceback (most recent" not in done.output
    assert not project.files("results/corpora/tiny_shakespeare")
    planned = project.build("-n", "results/paper/metrics.csv", *SOURCES).planned()
    assert planned["get_corpus"] == 1
    # Four sizes, eleven seeds.
    assert planned["train_model"] == 44


def test_the_documented_command_replaces_the_stand_in_and_all_that_came_of_it(offline, replaced):
    before, after = offline, replaced
    assert sha256_of_file(after.root / TOKENS) != sha256_of_file(before.root / TOKENS)
    manifest = json.loads(after.read(f"results/corpora/{CORPUS}/corpus.json"))
    assert (manifest["stand_in"], manifest["notice"]) == (False, None)
    assert manifest["sha256"] == tiny_shakespeare.SHA256
    assert printed(replaced).jobs() == printed(offline).jobs()
    assert [name for name, text in figure_texts(after).items() if "STAND-IN" in text] == []
    assert "STAND-IN" not in after.read("results/smoke/write_up.html")
    assert printed(replaced).last_line == "Browse the tracked runs: make ui"
    assert not [name for name, tag in corpus_tags(after).items() if "STAND-IN" in tag]


def test_another_copy_gives_the_same_bytes(smoke, request):
    """Under another path, and by way of the stand-in where the text is there to replace it."""
    reached = tiny_shakespeare.PATH.is_file()
    other = request.getfixturevalue("replaced" if reached else "offline")
    same = {name for name in smoke.files("results") if not VARYING.match(name)}
    assert {name for name in other.files("results") if not VARYING.match(name)} == same
    assert {"smoke/metrics.csv", "smoke/derivative.csv", "smoke/write_up.html"} <= same
    assert {f"smoke/figures/{figure}.{suffix}" for figure in FIGURES for suffix in ("svg", "png")} <= same
    assert "smoke/runs/nano/seeds-1-1/checkpoints/seed-1/step-000060.safetensors" in same
    # The page's commands name the file of settings that the other copy was given.
    given = re.compile(rb" --configfile &#39;[^&]*&#39;")
    first, second = (
        {name: given.sub(b"", (copy.results / name).read_bytes()) for name in same} for copy in (smoke, other)
    )
    assert [name for name in sorted(same) if first[name] != second[name]] == []


def test_a_stand_in_that_only_one_size_trains_on_is_named_too(tmp_path):
    project = ProjectCopy.make(tmp_path / "project", mirror=False)
    project.write("own.txt", "abcdefghij klmnopqrst\n" * 400)
    project.add_corpus("own", "own.txt")
    shape = {"d_model": 16, "n_head": 2, "n_layer": 1}
    project.write_experiment("mixed", corpus="own", sizes={"a": shape, "b": {**shape, "corpus": CORPUS}})
    project.write("../sources.yaml", loopback_sources(closed_port()))
    project.build("--cores", "2", "results/mixed/write_up.html", *SOURCES)

    for figure in FIGURES:
        assert NOTICE in texts_of(project.read(f"results/mixed/figures/{figure}.svg")), figure
    page = project.read("results/mixed/write_up.html")
    assert NOTICE in page
    assert "Entropies of own" in page and f"Entropies of {CORPUS}" in page
    # Figure 2 draws the last size, whose vocabulary is the stand-in's.
    (counted,) = {
        row["parameters"] for row in project.rows("results/mixed/runs/b/seeds-1-1/verification.csv")
    }
    words = texts_of(project.read("results/mixed/figures/fig2_architecture.svg"))
    assert f"{int(counted):,} parameters" in words
    (run,) = MlflowClient(tracking_uri=project.store).search_runs(
        [
            MlflowClient(tracking_uri=project.store)
            .get_experiment_by_name("mixed · figures and jobs")
            .experiment_id
        ],
        filter_string="tags.rule = 'write_up'",
    )
    assert "STAND-IN" in run.data.tags["corpus"]
