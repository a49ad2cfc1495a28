"""From measured losses to the verdict: a flat noisy end has no dip, an escape from a plateau has one."""

import numpy as np
import pandas as pd
import pytest
from claim_tables import entropies, evidence

from orderparam.analysis.slopes import measure_loss_slopes
from orderparam.claims.all_tests import TESTS
from orderparam.tables import LOSS_SLOPE

STEPS = np.unique(np.r_[np.geomspace(1, 20, 9).astype(int), np.arange(20, 1601, 20)]).astype(float)
NOISE = 0.003


def runs(size, escape, level):
    """Losses that fall to `level` within hundreds of steps, and by 0.5 more around step `escape`, if any."""
    loss = level + 1.9 / (1 + (STEPS / 40) ** 1.2)
    if escape:
        loss -= 0.5 / (1 + (STEPS / escape) ** -3.0)
    for seed in range(3):
        rng = np.random.default_rng((seed, int(escape)))
        values = {
            "step": STEPS,
            "order_parameter": 0.07 * (1 + 0.02 * np.sqrt(STEPS)),
            "train_loss": loss + rng.normal(0, NOISE, STEPS.size),
        }
        yield pd.DataFrame({"size": size, "seed": seed, **values})


@pytest.fixture(scope="module")
def slopes():
    level = entropies("flat")["train_entropy"].iloc[1]
    made = [*runs("flat", 0, level), *runs("escapes", 600, level)]
    table = pd.concat([measure_loss_slopes(run) for run in made], ignore_index=True)
    return table[list(LOSS_SLOPE.columns)]


@pytest.mark.parametrize(("size", "expected"), [("flat", False), ("escapes", True)])
def test_verdict_from_losses(tmp_path, slopes, size, expected):
    found = evidence(tmp_path, loss_slope=slopes, entropies=entropies("flat", "escapes"))
    test = TESTS["slope_dips_at_entropy"]

    def verdict(**arguments):
        return test.run(found, {"sizes": [size], "along": "step", "tolerance": 0.05, **arguments}).verdict

    assert verdict(expected=expected) == "supported"
    assert verdict(expected=not expected) == "refuted"
