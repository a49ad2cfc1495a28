"""The picture in README.md shows what the recorded runs say."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from orderparam import lookup
from orderparam.analysis.slopes import measure_loss_slopes
from orderparam.archive.replay import with_recorded
from orderparam.figures.finding import GROUPS, draw
from orderparam.figures.style import FigureContext, drawn_from, save_figure
from orderparam.files import read_json
from orderparam.settings.config import find_experiment, load_project_settings
from orderparam.tables import read_tables
from orderparam.text.vocabulary import describe_corpora

PROJECT = Path(__file__).resolve().parents[2]
NUMBER = re.compile(r"-?\d+\.\d+")


def test_the_committed_picture_is_that_of_the_recorded_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(PROJECT)
    settings = with_recorded(load_project_settings(PROJECT), PROJECT)
    controls = find_experiment(settings, "controls_recorded")
    metrics = read_tables(lookup.tables_of_jobs(controls, "metrics.csv"))
    runs = [run.reset_index(drop=True) for _, run in metrics.groupby(["size", "seed"], sort=False)]
    slopes = pd.concat([measure_loss_slopes(run) for run in runs], ignore_index=True)
    vocabularies = [read_json(path) for path in lookup.corpora_files(controls, "vocabulary.json")]
    corpora = describe_corpora(vocabularies)["corpus"]
    with drawn_from(FigureContext("controls_recorded", corpora)):
        figure = draw(slopes)
    drawn = {line.get_gid() for axes in figure.axes for line in axes.get_lines()}
    assert drawn == {name for _, _, names in GROUPS for name in names}
    save_figure(figure, tmp_path / "finding.svg", tmp_path / "finding.png")
    old, new = (path.read_text("utf-8") for path in (PROJECT / "docs/finding.svg", tmp_path / "finding.svg"))
    stale = "docs/finding.svg is stale: snakemake --cores 1 --force docs/finding.svg"
    # Another processor may round the last digits otherwise.
    assert NUMBER.sub("", old) == NUMBER.sub("", new), stale
    numbers = [np.array(NUMBER.findall(text), dtype=float) for text in (old, new)]
    np.testing.assert_allclose(*numbers, atol=0.05, err_msg=stale)
