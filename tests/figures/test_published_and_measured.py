"""How far both protocols' runs are from what is published, as lines of the figure."""

import numpy as np
import pandas as pd
import pytest

from orderparam.analysis.published_values import QUANTITIES
from orderparam.errors import RecordError
from orderparam.figures.published_and_measured import draw
from orderparam.tables import COMPARISON


def compared(size, mean, runs, steps=(1000, 2000)):
    inside = [None if runs < 3 else abs(mean - 2) < 0.1] * len(steps)
    bounds = (mean - 0.1, mean + 0.1) if runs >= 3 else (None, None)
    rows = [
        (size, step, quantity, 2.0, 0.02, runs, mean, 0.01, *bounds, within)
        for quantity in QUANTITIES
        for step, within in zip(steps, inside, strict=True)
    ]
    return COMPARISON.frame(rows)


def test_each_point_is_a_deviation_from_what_is_published_with_its_interval():
    figure = draw(compared("10K", 2.01, 3), compared("10K", 1.5, 3))
    assert figure.get_label().startswith(
        "8 of 8 published values lie inside the intervals of these runs, 0 of 8"
    )
    assert len(figure.axes) == len(QUANTITIES)
    for row, axes in enumerate(figure.axes):
        lines = {line.get_gid(): line for line in axes.get_lines()}
        for name, deviation in (("here", 0.005), ("pushed", -0.25)):
            np.testing.assert_allclose(lines[f"{name}-{row}-0"].get_ydata(), [deviation] * 2)
        bars = [np.array(path.vertices) for lines in axes.collections[1:] for path in lines.get_paths()]
        np.testing.assert_allclose(bars[0][:, 1], [-0.045, 0.055])
        np.testing.assert_allclose(bars[2][:, 1], [-0.3, -0.2])


def test_a_size_without_an_interval_is_shown_beside_the_others():
    few, many = compared("1M", 2.0, 1), compared("10K", 2.0, 3)
    titles = [axes.get_title("left") for axes in draw(pd.concat([many, few]), few).axes]
    assert [title for title in titles if title] == ["10K", "1M"]
    with pytest.raises(RecordError, match="published values holds no rows"):
        draw(few.iloc[:0], many)
