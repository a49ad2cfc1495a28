"""Small tables with closed forms for the tests of figures, and what each figure must keep to."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg

from orderparam.analysis.derivative import backward_differences, compute_derivative
from orderparam.figures.style import styled
from orderparam.model.diagram import Architecture, Node

STEPS = (0, 1, 3, 10, 20, 30, 40, 50, 60)
EVERY = 10
NGRAM_ENTROPIES = pd.DataFrame(
    {"order": [1, 2, 3, 4], "train_entropy": [3.3, 2.5, 1.9, 1.5], "val_cross_entropy": [3.3, 2.5, 2.0, 1.8]}
)
GRAPH = Architecture(
    "tiny",
    (
        Node("a", "input", kind="data"),
        Node("b", "map", "2 to 3", 6, inputs=("a",), group=0),
        Node("c", "+", inputs=("b",), residual="a", group=0),
    ),
    (2,),
)


def make_metrics(sizes=("10K", "0.1M"), seeds=(1, 2)):
    """Losses that fall with b as 4 - 3 (b - b_0) / b_0, validation turning up at step 30."""
    steps = np.array(STEPS, dtype=float)
    tables = []
    for i, size in enumerate(sizes):
        for seed in seeds:
            b0 = 0.15 / 2**i
            growth = steps / 60 * (1 + 0.01 * seed)
            tables.append(
                pd.DataFrame(
                    {
                        "size": size,
                        "seed": seed,
                        "step": STEPS,
                        "order_parameter": b0 * (1 + growth),
                        "train_loss": 4 - 3 * growth,
                        "val_loss": 2 + ((steps - 30) / 30) ** 2 + 0.01 * seed,
                        "hidden_magnetization": 0.5,
                    }
                )
            )
    return pd.concat(tables, ignore_index=True)


def make_derivative(metrics):
    return compute_derivative(metrics, dict.fromkeys(metrics["size"], EVERY))


def make_published(sizes=("10K", "0.1M")):
    """Of one run a size: as `make_metrics`, at three steps, the losses a tenth higher."""
    metrics = make_metrics(sizes, seeds=(1337,))
    losses = {loss: metrics[loss] + 0.1 for loss in ("train_loss", "val_loss")}
    return metrics.assign(**losses)[metrics["step"].isin([0, 10, 20, 60])].reset_index(drop=True)


def make_published_slopes(published):
    runs = [run for _, run in published.groupby("size", sort=False)]
    return pd.concat([backward_differences(run) for run in runs], ignore_index=True)


def make_scores():
    return pd.DataFrame(
        [
            ("alpha", "no tools", 50.0, "a paper", False),
            ("alpha", "python", 75.0, "a blog", True),
            ("beta", "no tools", 25.0, "a paper", False),
        ],
        columns=["model", "setting", "score", "source", "secondary"],
    )


def lines_of(axes, prefix=""):
    """The lines of an Axes whose gid starts so."""
    return [line for line in axes.lines if (line.get_gid() or "").startswith(prefix)]


def count_points(axes, prefix):
    return sum(len(line.get_xdata()) for line in lines_of(axes, prefix))


def check_layout(figure, name):
    """Nothing is cut off, no legend or subtitle covers a panel, and titles do not overlap."""
    canvas = FigureCanvasAgg(figure)
    styled(canvas.draw)()
    renderer, frame = canvas.get_renderer(), figure.bbox
    around = [artist.get_window_extent(renderer) for artist in (*figure.texts, *figure.artists)]
    boxes = [axes.get_tightbbox(renderer) for axes in figure.axes]
    for box in (*around, *boxes):
        inside = (box.x0 >= -0.5, box.y0 >= -0.5, box.x1 <= frame.x1 + 0.5, box.y1 <= frame.y1 + 0.5)
        assert all(inside), (name, box, frame)
    for axes, panel in zip(figure.axes, boxes, strict=True):
        if axes.axison:
            assert all(box.y1 <= panel.y0 + 1 or box.y0 >= panel.y1 - 1 for box in around), (name, panel)
        titles = [t.get_window_extent(renderer) for t in (axes.title, axes._left_title, axes._right_title)]
        drawn = sorted((title.x0, title.x1) for title in titles if title.width)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(drawn)), (name, drawn)
