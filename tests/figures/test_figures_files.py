"""Figures as files: the same bytes every time, and the published numbers that they draw."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from orderparam.errors import RecordError
from orderparam.figures import fig1_hmmt
from orderparam.figures.style import save_figure
from orderparam.tables import read_table

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "config" / "published"

DRAW = """
import pkgutil
import sys
from importlib import import_module
from pathlib import Path
import orderparam.figures
from test_figures import draw_all
from figure_tables import make_metrics, make_published
from orderparam.figures.style import save_figure
for name, figure in draw_all(make_metrics(), make_published()).items():
    save_figure(figure, Path(sys.argv[1]) / f"{name}.svg", Path(sys.argv[1]) / f"{name}.png")
for module in pkgutil.iter_modules(orderparam.figures.__path__):
    import_module(f"orderparam.figures.{module.name}")
print(*(name for name in ("torch", "mlflow", "matplotlib.pyplot") if name in sys.modules))
"""


def run_drawing(folder, **environment):
    paths = os.pathsep.join([str(ROOT / "tests"), str(ROOT / "tests/figures")])
    return subprocess.run(
        [sys.executable, "-c", DRAW, str(folder)],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_figures_are_the_same_bytes_in_two_processes_without_torch_and_pyplot(tmp_path):
    # The second one has another hash seed, date and matplotlib configuration.
    settings = tmp_path / "matplotlibrc"
    settings.write_text("font.size: 20\nsavefig.dpi: 50\naxes.grid: True\nxtick.direction: in\n")
    imported = run_drawing(tmp_path / "first", PYTHONHASHSEED="1")
    assert not imported.split()
    run_drawing(tmp_path / "second", PYTHONHASHSEED="2", MATPLOTLIBRC=str(settings), SOURCE_DATE_EPOCH="0")
    sums = [
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
        for folder in (tmp_path / "first", tmp_path / "second")
    ]
    assert len(sums[0]) == 10
    assert sums[0] == sums[1]
    svg = (tmp_path / "first" / "fig4.svg").read_text()
    assert "<text" in svg
    assert "<dc:date>" not in svg


def test_points_of_panels_with_lines_of_one_name_bear_their_own_values(tmp_path):
    figure = Figure()
    for panel, points in zip(figure.subplots(1, 3), ([1, 2], [], [30, 40]), strict=True):
        panel.plot(points, points, "o", gid="run", label="run")
    save_figure(figure, tmp_path / "a.svg", tmp_path / "a.png")
    titles = re.findall(r"<title>(.*?)</title>", (tmp_path / "a.svg").read_text("utf-8"))
    assert titles == ["run: 1, 1", "run: 2, 2", "run: 30, 30", "run: 40, 40"]


def test_a_failure_leaves_no_file(tmp_path):
    class Unfinished:
        def get_label(self):
            return ""

        def savefig(self, buffer, *, format, metadata):
            buffer.write(b"half")
            if format == "png":
                raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        save_figure(Unfinished(), tmp_path / "a.svg", tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_published_points_tell_the_story_they_are_drawn_for():
    points = read_table(PUBLISHED / "order_parameter.csv")
    assert points["source"].str.len().min() > 0
    counts = points.groupby("size", sort=False)["step"].agg(list)
    assert counts.index.tolist() == ["10K", "0.1M", "1M", "10M"]
    assert set(map(tuple, counts)) == {
        (0, 1000, 2000, 3000, 5000, 8000, 10000, 13000, 15000, 19000),
    }
    for _, run in points.groupby("size"):
        assert np.all(np.diff(run["order_parameter"]) > 0)
        assert np.all(np.diff(run["train_loss"]) < 0)
    # At step 0 every model is near the uniform ln 65, and b near sqrt(65 / 3) / d_model.
    start = points[points["step"] == 0]
    assert start["train_loss"].between(np.log(65), np.log(65) + 0.25).all()
    expected = np.sqrt(65 / 3) / np.array([32, 64, 128, 384])
    np.testing.assert_allclose(start["order_parameter"], expected, rtol=0.02)


def test_published_slope_changes_lie_on_the_published_curves():
    points = read_table(PUBLISHED / "order_parameter.csv")
    marks = read_table(PUBLISHED / "slope_changes.csv")
    assert sorted(marks["size"]) == ["0.1M", "10K"]
    joined = marks.merge(points, on=["size", "step"], suffixes=("", "_point"))
    assert len(joined) == len(marks)
    np.testing.assert_allclose(joined["order_parameter"], joined["order_parameter_point"], atol=6e-4)
    assert (marks["dloss_dorder"] < 0).all()


def test_published_scores_are_marked_where_secondary():
    scores = read_table(PUBLISHED / "hmmt.csv")
    assert not scores.duplicated(["model", "setting"]).any()
    assert (scores["setting"] == "python").equals(scores["secondary"])
    assert scores["source"].str.len().min() > 0


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("m,abacus,5,s,true", "abacus"),
        ("m,python,105,s,true", "0 to 100"),
        ("m,python,many,s,true", "0 to 100"),
        ("m,python,5,s,perhaps", "secondary"),
    ],
)
def test_a_damaged_score_table_is_refused(tmp_path, row, problem):
    path = tmp_path / "hmmt.csv"
    path.write_text(f"model,setting,score,source,secondary\n{row}\n")
    with pytest.raises(RecordError, match=problem):
        fig1_hmmt.draw(read_table(path))


def test_a_size_named_like_a_number_stays_text(tmp_path):
    path = tmp_path / "order_parameter.csv"
    path.write_text("size,step,order_parameter,train_loss,source\n10,0,0.1,4.1,s\n")
    points = read_table(path)
    assert points["size"].tolist() == ["10"]
