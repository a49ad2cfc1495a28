import pytest
import torch
from runs import VOCABULARY

from orderparam.figures import throughput as figure_module
from orderparam.measuring.throughput import (
    add_floor,
    count_step_flops,
    describe_machine,
    measure_peak,
    measure_throughput,
)
from orderparam.model.plain import PlainGPT
from orderparam.tables import THROUGHPUT

PAPER = {"10K": (32, 2, 1), "0.1M": (64, 2, 2), "1M": (128, 4, 4), "10M": (384, 6, 6)}
GIGAFLOPS = {"10K": 2.2, "0.1M": 13.3, "1M": 91, "10M": 1104}


@pytest.mark.parametrize("size", PAPER)
def test_flops_of_a_paper_step_are_the_known_ones(make_run, size):
    d_model, n_head, n_layer = PAPER[size]
    run = make_run(d_model=d_model, n_head=n_head, n_layer=n_layer, context=256, batch_size=64)
    assert count_step_flops(run, 65) / 1e9 == pytest.approx(GIGAFLOPS[size], rel=0.02)


def test_flops_equal_those_that_pytorch_counts(make_run):
    # PyTorch counts the whole square of attention; a context of one has no masked half.
    from torch.utils.flop_counter import FlopCounterMode

    run = make_run(context=1, batch_size=3, n_layer=2, dropout=0.0)
    plain = PlainGPT(run, VOCABULARY)
    with FlopCounterMode(display=False) as counter:
        plain(torch.zeros(3, 1, dtype=torch.int64)).sum().backward()
    # No gradient flows to the tokens, yet all maps have one to their input, and so has the embedding sum.
    assert counter.get_total_flops() == count_step_flops(run, 11)


def test_both_implementations_are_timed_and_compared(make_run, tokens):
    run = make_run(train_windows="all", context=16)
    table = measure_throughput(run, 11, tokens[:1800], tokens[1800:], 0.05)
    table = add_floor(table, 1e9)
    assert tuple(table.columns) == THROUGHPUT.columns
    assert table["implementation"].tolist() == ["engine", "plain"] * 2
    assert table["quantity"].tolist() == ["step"] * 2 + ["evaluation"] * 2
    assert (table["repeats"] >= 3).all()
    assert (table["median_seconds"] > 0).all()
    assert (table.loc[table["implementation"] == "plain", "ratio_to_plain"] == 1).all()
    step = table.iloc[0]
    assert step["compute_floor_seconds"] == count_step_flops(run, 11) / 1e9
    assert step["peak_share"] == pytest.approx(step["compute_floor_seconds"] / step["median_seconds"])
    assert step["tokens_per_second"] == pytest.approx(4 * 16 / step["median_seconds"])


def test_peak_is_a_rate_that_the_machine_can_reach():
    peak = measure_peak(size=128, repeats=2)
    assert 1e7 < peak < 1e14
    assert describe_machine(peak)["matmul_gflops"] == peak / 1e9


def test_figure_shows_every_size_with_its_ratio():
    rows = []
    for i, size in enumerate(PAPER):
        for name, seconds in (("engine", 10.0**i), ("plain", 2 * 10.0**i)):
            row = {"size": size, "implementation": name, "quantity": "step", "median_seconds": seconds}
            row |= {"lower_quartile_seconds": 0.9 * seconds, "upper_quartile_seconds": 1.1 * seconds}
            rows.append(
                row | {"compute_floor_seconds": 0.3 * 10.0**i, "ratio_to_plain": 2 * 10.0**i / seconds}
            )
    machine = {"processor": "test", "torch": "2", "matmul_gflops": 100.0}
    (axes,) = figure_module.draw(THROUGHPUT.frame(rows), machine).axes
    assert [text.get_text() for text in axes.get_xticklabels()] == list(PAPER)
    assert [text.get_text() for text in axes.texts] == ["2.00\N{MULTIPLICATION SIGN}"] * 4
