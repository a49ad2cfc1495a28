"""Another project that imports this workflow as a module, with the installed library."""

from __future__ import annotations

import subprocess
import sys

import pytest
from project_copy import PROJECT, Finished, ProjectCopy, environment

SNAKEFILE = f"""
configfile: "config/config.yaml"


module order_parameter:
    snakefile:
        "{PROJECT}/workflow/Snakefile"
    config:
        config


use rule * from order_parameter exclude all


rule all:
    input:
        "results/summary.txt",


rule summarise:
    input:
        "results/mine/metrics.csv",
    output:
        "results/summary.txt",
    shell:
        "wc -l < {{input}} > {{output}}"
"""
CONFIG = "experiment: mine\ncorpora:\n  own: {file: own.txt}\n"


@pytest.fixture
def importing(tmp_path):
    project = ProjectCopy(tmp_path)
    project.write("Snakefile", SNAKEFILE)
    project.write("config/config.yaml", CONFIG)
    project.write("own.txt", "the cat sat on the mat and the rat sat on the cat; " * 400)
    figures = ["fig2_architecture", "fig4_loss_vs_order_parameter"]
    project.write_experiment("mine", corpus="own", figures=figures, compare_with_published=True)
    return project


def snakemake(project: ProjectCopy, *arguments: str) -> Finished:
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=project.root,
        env=environment(PROJECT),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return Finished(0, done.stdout)


def test_its_own_experiment_is_trained_by_the_rules_of_this_workflow(importing):
    done = snakemake(importing, "--cores", "2")
    assert done.jobs()["train_model"] == done.jobs()["summarise"] == done.jobs()["all"] == 1
    # A heading, and steps 0, 1, 2, 3, 4, 6, 7, 10, 13, 18 and 20 or so.
    assert int(importing.read("results/summary.txt")) > 4
    assert (importing.results / "mlflow.db").is_file()
    # What belongs to this workflow is found where it is: published values, captions, the answer.
    page = snakemake(importing, "-n", "results/mine/write_up.html", "results/mine/comparison.csv")
    assert {
        "write_up",
        "compare_with_published",
        "draw_fig4_loss_vs_order_parameter",
    } <= page.planned().keys()
    assert "train_model" not in page.planned()
