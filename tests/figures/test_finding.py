"""The picture in README.md shows what the recorded runs say."""

import re
from pathlib import Path

import numpy as np
import pytest

from orderparam import lookup
from orderparam.analysis.escape import levels_of
from orderparam.analysis.transition import analyse_transition
from orderparam.archive.replay import with_recorded
from orderparam.errors import RecordError
from orderparam.figures.style import FigureContext, drawn_from, save_figure
from orderparam.figures.transition_loss_slope import GROUPS, draw
from orderparam.files import read_json
from orderparam.settings.config import find_experiment, load_project_settings
from orderparam.tables import read_table, read_tables
from orderparam.text.vocabulary import describe_corpora

PROJECT = Path(__file__).resolve().parents[2]
NUMBER = re.compile(r"-?\d+\.\d+")


@pytest.fixture(scope="module")
def controls():
    return find_experiment(with_recorded(load_project_settings(PROJECT), PROJECT), "controls_recorded")


@pytest.fixture(scope="module")
def tables(controls):
    """Local slopes and quantities of the recorded controls, as the workflow makes them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(PROJECT)
        metrics, verified = (
            read_tables(lookup.tables_of_jobs(controls, f"{name}.csv"))
            for name in ("metrics", "verification")
        )
        windows = verified.groupby("size").first()
        levels = {}
        for size, run in controls.runs.items():
            path = next(
                each for each in lookup.corpora_files(controls, "ngram_entropies.csv") if run.corpus in each
            )
            table = read_table(path)
            own = {order: windows.loc[size, f"window_entropy_{order}"] for order in (1, 2, 3)}
            levels[size] = levels_of(table.assign(window_entropy=table["order"].map(own)))
    levels = {size: found for size, found in levels.items() if found}
    transition, slopes = analyse_transition(metrics, levels, lookup.field_of_runs(controls, "d_model"))
    return slopes, transition


def test_the_committed_picture_is_that_of_the_recorded_runs(controls, tables, tmp_path, monkeypatch):
    monkeypatch.chdir(PROJECT)
    vocabularies = [read_json(path) for path in lookup.corpora_files(controls, "vocabulary.json")]
    corpora = describe_corpora(vocabularies)["corpus"]
    with drawn_from(FigureContext("controls_recorded", corpora)):
        figure = draw(*tables)
    save_figure(figure, tmp_path / "finding.svg", tmp_path / "finding.png")
    old, new = (path.read_text("utf-8") for path in (PROJECT / "docs/finding.svg", tmp_path / "finding.svg"))
    stale = "docs/finding.svg is stale: snakemake --cores 1 --force docs/finding.svg"
    # Another processor may round the last digits otherwise.
    assert NUMBER.sub("", old) == NUMBER.sub("", new), stale
    numbers = [np.array(NUMBER.findall(text), dtype=float) for text in (old, new)]
    np.testing.assert_allclose(*numbers, atol=0.05, err_msg=stale)


def test_controls_are_drawn_and_counted_by_groups(tables):
    slopes, transition = tables
    figure = draw(slopes, transition)
    assert [
        f"{group} in {count} of {len(names)}"
        for count, (group, names) in zip((3, 1, 0), GROUPS.items(), strict=True)
    ] == figure.get_label().partition("again: ")[2].split(", ")
    lines = [line for line in figure.axes[0].lines if str(line.get_gid()).startswith("slope")]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 7
    assert len({line.get_color() for line in lines}) == len(GROUPS)
    # With a size that is of no group, each has a colour of its own.
    other = draw(slopes.replace({"size": {"ablated": "10K"}}), transition)
    assert len({line.get_color() for line in other.axes[0].lines}) == 7
    with pytest.raises(RecordError, match="local slopes holds no rows"):
        draw(slopes[slopes["step"] < 10], transition)
