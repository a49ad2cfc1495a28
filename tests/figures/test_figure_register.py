"""The table of figures against the modules that draw them, their captions and the tables that there are."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest

from orderparam.figure_register import FIGURES
from orderparam.tables import find_table

CAPTIONS = Path(__file__).parents[2] / "workflow" / "report"
ALL = [(scope, figure) for scope, figures in FIGURES.items() for figure in figures]


@pytest.mark.parametrize(("scope", "figure"), ALL)
def test_a_figure_has_a_caption_and_a_module_that_draws_its_tables(scope, figure):
    assert (CAPTIONS / f"{figure}.rst").read_text(encoding="utf-8").strip()
    drawn = inspect.signature(import_module(f"orderparam.figures.{figure}").draw).parameters
    assert set(drawn) == set(FIGURES[scope][figure])
    folders = {"results": f"results/{scope}", "corpus": "corpus", "published": "config/published"}
    for path in FIGURES[scope][figure].values():
        file = path.format(**folders, system="2d")
        assert file.endswith(".json") or find_table(file)


def test_names_are_told_once_and_no_caption_is_left_over():
    names = [figure for _, figure in ALL]
    assert len(set(names)) == len(names)
    assert {path.stem for path in CAPTIONS.glob("*.rst")} == {*names, "workflow"}
