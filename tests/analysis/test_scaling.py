import numpy as np
import pandas as pd
import pytest

from orderparam.analysis.scaling import (
    count_parameters,
    fit_scaling,
    measure_points,
    non_embedding_parameters,
)

SHAPES = {
    f"d{d}": {"d_model": d, "n_layer": layers, "n_head": 2, "attention": "causal"}
    for d, layers in ((16, 1), (32, 1), (64, 2), (128, 4))
}


@pytest.mark.parametrize(
    ("d_model", "layers", "published"),
    [(32, 1, 25_089), (64, 2, 124_481), (128, 4, 841_281), (384, 6, 10_788_929)],
)
def test_counts_are_those_of_the_article_with_embeddings_and_head_and_without(d_model, layers, published):
    run = {"d_model": d_model, "n_layer": layers, "attention": "causal", "context": 256}
    assert count_parameters(run, 65) == published
    with pytest.raises(ValueError, match="LayerNorms"):
        count_parameters({**run, "norm_parameters": False}, 65)
    outside = (65 + 256) * d_model + 65 * d_model + 65
    assert non_embedding_parameters(d_model, layers) == published - outside


def curves(exponent, settled=True):
    rows = []
    for size, shape in SHAPES.items():
        level = 10 * non_embedding_parameters(shape["d_model"], shape["n_layer"]) ** -exponent
        for seed in (1, 2):
            for step in range(0, 1001, 10):
                loss = level * (1 + (0 if settled else 0.5 * (1 - step / 1000)))
                rows.append((size, seed, step, loss, loss))
    return pd.DataFrame(rows, columns=["size", "seed", "step", "train_loss", "val_loss"])


def test_exponent_of_a_power_law_is_found():
    points = measure_points(curves(0.2), SHAPES)
    assert points["late_fall"].to_numpy() == pytest.approx(0, abs=1e-12)
    fit = fit_scaling(points).set_index("loss")
    assert fit["exponent"].to_numpy() == pytest.approx(0.2)
    assert fit["coefficient"].to_numpy() == pytest.approx(10)
    assert (fit["sizes"] == 4).all()


def test_what_still_falls_is_seen():
    points = measure_points(curves(0.2, settled=False), SHAPES)
    # Means over the halves of the last fifth of a line from 1.5 at the start to 1 at the end.
    assert points["late_fall"].to_numpy() == pytest.approx(1 - 1.025 / 1.0775, rel=1e-6)


def test_too_few_sizes_give_no_fit():
    points = measure_points(curves(0.2), SHAPES)
    assert fit_scaling(points.iloc[:2]).empty


def test_interval_widens_with_scatter():
    points = measure_points(curves(0.2), SHAPES)
    scattered = points.assign(train_loss=points["train_loss"] * np.array([1.0, 1.1, 0.9, 1.0]))
    fit = fit_scaling(scattered).set_index("loss").loc["train_loss"]
    assert fit["upper"] - fit["lower"] > 0.05
