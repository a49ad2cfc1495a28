"""Figures of the language-model experiments: all of their tables is drawn, and labels name what is shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_tables import check_layout, lines_of, make_metrics
from matplotlib.text import Text

from orderparam.errors import RecordError
from orderparam.figures import attention_and_ngrams, decay_sweep, equilibrium, loop_width, loss_and_floors
from orderparam.figures.stages import read_stages

SIZES = ("10K", "0.1M")


def make_entropies(sizes=SIZES):
    """H_n = 4 - n / 2 for the first size, a tenth more for each further one."""
    rows = [
        (size, f"text-{place}", order, 4 - order / 2 + place / 10, 4.0)
        for place, size in enumerate(sizes)
        for order in range(1, 7)
    ]
    return pd.DataFrame(rows, columns=["size", "corpus", "order", "train_entropy", "val_cross_entropy"])


def make_probes(attends=True):
    rows = []
    for size in SIZES:
        for seed in (1, 2):
            for step in (0, 10, 20):
                heads = [(0, 0), (0, 1), (1, 0)] if attends else []
                rows += [
                    (size, seed, step, "attention_mass", layer, head, order, 0.1 * order + step / 100 + seed)
                    for layer, head in heads
                    for order in range(4)
                ]
                rows += [
                    (size, seed, step, "ngram_divergence", None, None, order, order + step / 10 + seed)
                    for order in (1, 2, 3, 4)
                ]
                rows.append((size, seed, step, "head_stable_rank", None, None, None, 2.0))
    return pd.DataFrame(rows, columns=["size", "seed", "step", "quantity", "layer", "head", "order", "value"])


def lines_by_gid(axes):
    return {line.get_gid(): line for line in lines_of(axes) if line.get_gid()}


def texts_of(figure):
    check_layout(figure, "figure")
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_each_panel_has_the_floors_of_its_own_text_that_lie_in_its_range():
    metrics = make_metrics(SIZES)
    figure = loss_and_floors.draw(metrics, make_entropies())
    low, high = metrics["train_loss"].min(), metrics["train_loss"].max()
    for place, axes in enumerate(figure.axes[:2]):
        floors = {
            gid: line.get_ydata()[0] for gid, line in lines_by_gid(axes).items() if gid.startswith("floor")
        }
        inside = [n for n in (1, 2, 3, 4) if low <= 4 - n / 2 + place / 10 <= high]
        assert inside
        assert floors == {f"floor-{n}": pytest.approx(4 - n / 2 + place / 10) for n in inside}
        lines = lines_by_gid(axes)
        table = metrics[metrics["size"] == SIZES[place]].pivot_table(
            index="step", columns="seed", values="train_loss"
        )
        for seed in (1, 2):
            np.testing.assert_allclose(lines[f"loss-{place}-{seed}"].get_ydata(), table[seed])
        np.testing.assert_allclose(lines[f"loss-{place}-mean"].get_ydata(), table.mean(axis=1))
    assert "$H_2$" in texts_of(figure)


def test_levels_that_are_counted_in_context_are_called_so():
    counted, entropies = make_metrics(SIZES), make_entropies()
    in_context = entropies.assign(window_entropy=entropies["train_entropy"], train_entropy=np.nan)
    figures = [loss_and_floors.draw(counted, table) for table in (entropies, in_context)]
    told = [" ".join(text.get_text() for text in figure.findobj(Text)) for figure in figures]
    assert [("bigram entropy" in text, "counted in context" in text) for text in told] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize(
    ("losses", "told"),
    [
        ([[3.5, 2.9, 2.8], [3.5, 3.2, 3.0]], "of its text at steps 10 to 20: 10K and 0.1M"),
        ([[3.5, 2.9, 2.8], [3.5, 3.3, 3.2]], "at step 10: 10K"),
        ([[3.5, 3.3, 3.2], [3.5, 3.3, 3.2]], "No loss falls below the bigram entropy"),
    ],
)
def test_the_first_line_says_at_which_step_a_loss_passes_the_bigram_entropy(losses, told):
    # H_2 is 3 for the first size and 3.1 for the other.
    metrics = pd.DataFrame(
        [
            (size, seed, 10 * place, loss)
            for size, of_size in zip(SIZES, losses, strict=True)
            for seed in (1, 2)
            for place, loss in enumerate(of_size)
        ],
        columns=["size", "seed", "step", "train_loss"],
    )
    figure = loss_and_floors.draw(metrics, make_entropies())
    words = " ".join(" ".join(text.get_text() for text in figure.findobj(Text)).split())
    assert told in words


def test_a_size_whose_text_has_no_entropies_is_an_error():
    with pytest.raises(RecordError, match=r"entropies of 0\.1M lack order 2"):
        loss_and_floors.draw(make_metrics(SIZES), make_entropies(SIZES[:1]))


def test_attention_and_divergences_are_means_over_seeds_in_three_rows_for_all_sizes():
    probes = make_probes()
    strong = (probes["quantity"] == "attention_mass") & (probes["layer"] == 1)
    probes.loc[strong, "value"] += 0.3
    figure = attention_and_ngrams.draw(probes, make_metrics(SIZES), make_entropies())
    assert len(figure.axes) == 3
    attention, bigrams, trigrams = (lines_by_gid(axes) for axes in figure.axes)
    for place, size in enumerate(SIZES):
        expected = 0.1 + np.array([0, 0.1, 0.2]) + 1.5
        np.testing.assert_allclose(attention[f"attention_mass-{place}-1"].get_ydata(), expected + 0.1)
        np.testing.assert_allclose(attention[f"attention_mass-{place}-1-head"].get_ydata(), expected + 0.3)
        for order, lines in ((2, bigrams), (3, trigrams)):
            line = lines[f"ngram_divergence-{place}-{order}"]
            np.testing.assert_allclose(line.get_ydata(), order + np.array([0, 1, 2]) + 1.5)
        # 4 - 3 g falls below 3 + place / 10 at g = (1 - place / 10) / 3: step 60 g / (1 + seed / 100).
        steps = [20 * (1 - place / 10) / (1 + seed / 100) for seed in (1, 2)]
        crossing = attention[f"crossing-{place}"].get_xdata()[0]
        assert crossing == pytest.approx(np.mean(steps), rel=2e-3)
        assert texts_of(figure).count(size) == 3


def test_models_without_attention_are_named():
    figure = attention_and_ngrams.draw(make_probes(False), make_metrics(SIZES), make_entropies())
    check_layout(figure, "figure")
    assert [axes.get_title("right") for axes in figure.axes] == ["none in 10K, 0.1M", "", ""]


def test_a_sweep_is_split_into_its_ways_up_and_down():
    stages = [("a", 0.1, None), ("b", 1.0, "a"), ("c", 10.0, "b"), ("d", 1.0, "c"), ("e", 0.1, "d")]
    runs = pd.DataFrame(
        [(size, "l2", decay, start) for size, decay, start in stages],
        columns=["size", "regularizer", "weight_decay", "start_from"],
    )
    assert decay_sweep.name_directions(runs)["direction"].tolist() == ["up", "up", "up", "down", "down"]
    metrics = pd.DataFrame(
        [
            (size, seed, step, place + seed + step / 10, 2.0)
            for place, (size, _, _) in enumerate(stages)
            for seed in (1, 2)
            for step in (0, 10)
        ],
        columns=["size", "seed", "step", "order_parameter", "train_loss"],
    )
    probes = metrics.assign(quantity="attention_mass", order=1, value=metrics["order_parameter"] / 10)
    heads = pd.concat([probes, probes.assign(value=0.01)])
    # Metrics have a weight decay of their own, that in effect at the step.
    measured = metrics.assign(weight_decay=0.1)
    figure = decay_sweep.draw(measured, runs, make_entropies(["a"]), heads)

    def drawn(axes):
        return [container.lines[0].get_xydata().tolist() for container in axes.containers]

    # Means over the seeds at the last step, place + 1.5 + 1; of the attention, of the head that has most.
    up, down = drawn(figure.axes[1])
    assert up == [[0.1, 2.5], [1.0, 3.5], [10.0, 4.5]]
    assert down == [[0.1, 6.5], [1.0, 5.5]]
    np.testing.assert_allclose(drawn(figure.axes[0])[1], [[0.1, 0.65], [1.0, 0.55]])
    assert "$H_1$" in texts_of(figure)


def test_both_branches_of_a_penalty_are_drawn_with_theory_and_what_they_end_at():
    gammas = [0.002, 0.0025, 0.003, 0.004]
    rows = []
    for way, kept in (("up", 3), ("down", 1)):
        for seed in (1, 2):
            for step, gamma in enumerate(gammas if way == "up" else gammas[::-1], start=1):
                value = 0.5 if gamma in gammas[:kept] else 0.0
                row = {"size": f"d32-{way}", "seed": seed, "step": step, "weight_decay": gamma}
                row |= dict.fromkeys(("squared_norm", "attention_excess", "value_output_norm"), value)
                rows.append(row | {"train_loss": 2.0})
    probes = pd.DataFrame(
        [
            ("d32-ablated", seed, step, "critical_penalty_value_output", 0.003 + step / 1e5)
            for seed in (1, 2)
            for step in (0, 100)
        ],
        columns=["size", "seed", "step", "quantity", "value"],
    )
    figure = equilibrium.draw(pd.DataFrame(rows), probes, make_entropies(["d32-up", "d32-down"]))
    check_layout(figure, "figure")
    lines = lines_by_gid(figure.axes[0])
    assert lines["attention_excess-32-up-1"].get_xydata().tolist() == [
        [g, 0.5 if g < 0.0035 else 0] for g in gammas
    ]
    assert lines["attention_excess-32-down-2"].get_ydata().tolist() == [0.5, 0, 0, 0]
    difference = lines_by_gid(figure.axes[3])["difference-32-1"].get_ydata()
    np.testing.assert_allclose(difference, [0, 0.00125, 0.0015, 0])
    told = title_of(figure)
    # Geometric means of neighbouring penalties, and theory's at the last step.
    assert "attention is lost at 1.55 times the penalty at which it comes back" in told  # 0.003464 / 0.002236
    assert "linear response: 0.004" in told


BRANCHES = ["size", "seed", "step", "weight_decay", "squared_norm"]
BRANCHES += ["attention_excess", "value_output_norm", "train_loss"]


def title_of(figure):
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def test_annealed_stages_are_enlarged_and_drawn_there_alone():
    rows = [
        (f"d32-{way}{dwell}", 1, step, gamma, 1.0, 0.1 * step, 0.1 * step, 2.0)
        for way in ("up", "down")
        for dwell, gammas in {
            "": (0.001, 0.002, 0.01),
            "-held": (0.0015, 0.0022),
            "-annealed": (0.0019, 0.0021),
        }.items()
        for step, gamma in enumerate(np.repeat(gammas if way == "up" else gammas[::-1], 2))
    ]
    metrics = pd.DataFrame(rows, columns=BRANCHES)
    figure = equilibrium.draw(metrics, make_probes().iloc[:0], make_entropies(set(metrics["size"])))
    check_layout(figure, "figure")
    whole, enlarged = (lines_by_gid(axes) for axes in figure.axes[:2])
    name = "attention_excess-32"
    assert set(whole) == {f"{name}-up-1", f"{name}-down-1"}
    assert set(enlarged) == {f"{name}-enlarged-annealed-{way}-1" for way in ("up", "down")}
    low, high = figure.axes[1].get_xlim()
    assert 0.0017 < low < 0.0019 < 0.0021 < high < 0.0024
    at_rest = enlarged[f"{name}-enlarged-annealed-up-1"]
    np.testing.assert_allclose(at_rest.get_xydata(), [[0.0019, 0.1], [0.0021, 0.3]])
    colours = {equilibrium._THEORY["color"], whole[f"{name}-up-1"].get_color()}
    assert at_rest.get_color() not in colours


def loops(dwells, seeds=(1, 2)):
    """Attention up to 0.004 raised, up to a penalty by dwell and seed lowered; O V to 0.004 both ways."""
    gammas = np.array([0.001, 0.002, 0.004, 0.008])
    return pd.DataFrame(
        [
            (f"d32-{way}{dwell}", seed, step, gamma, 1.0, 0.5 * (gamma <= last), 1.0 * (gamma <= 0.004), 2.0)
            for dwell, lasts in dwells.items()
            for seed, back in zip(seeds, lasts, strict=True)
            for way, last in (("up", 0.004), ("down", back))
            for step, gamma in enumerate(gammas)
        ],
        columns=BRANCHES,
    )


def test_loops_are_drawn_by_the_length_of_stages():
    dwells = {"": (0.001, 0.001), "-4x": (0.001, 0.002), "-held": (0.004, 0.002), "-annealed": (0.004, 0.004)}
    figure = loop_width.draw(loops(dwells))
    check_layout(figure, "figure")
    lines = lines_by_gid(figure.axes[0])
    name = "attention_excess-32"
    # Ends halfway between penalties a factor of two apart.
    for dwell, factors in {"": [4, 4], "-4x": [4, 2], "-held": [1, 2], "-annealed": [1, 1]}.items():
        np.testing.assert_allclose(lines[f"{name}{dwell}"].get_ydata(), factors)
    np.testing.assert_allclose(lines[f"{name}-mean"].get_ydata(), [4, 8**0.5, 1])
    assert lines[f"{name}-held"].get_markerfacecolor() == "none"
    np.testing.assert_allclose(lines[f"{name}-mean"].get_xdata(), [1, 4, 20])
    told = title_of(figure)
    assert (
        "Attention is lost at a multiple" in told and "4.00 (1x), 2.83 (4x), 1.41 (15x), 1.00 (20x)" in told
    )
    assert "$OV$ comes back at the penalty at which it is lost (factors of 1.00 to 1.00)" in told


def test_a_stage_at_one_learning_rate_ends_at_the_mean_of_its_last_measurements():
    rows = [
        (f"d32-up{dwell}", 1, step, 0.002, 1.0, 0.1 * step, 0.1 * step, 2.0)
        for dwell in ("-held", "-slow")
        for step in (0, 1)
    ]
    stages = read_stages(pd.DataFrame(rows, columns=BRANCHES)).set_index("dwell")
    np.testing.assert_allclose(stages["attention_excess"][["-held", "-slow"]], [0.1, 0.05])
    with pytest.raises(RecordError, match="d<width>-up"):
        read_stages(pd.DataFrame(rows, columns=BRANCHES), ["", "-annealed"])


def test_branches_that_end_one_way_only_make_no_loop():
    with pytest.raises(RecordError, match="no branch of the experiment ends both ways"):
        loop_width.draw(loops({"": (0.001, 0.001)})[lambda rows: rows["weight_decay"] < 0.003])


@pytest.mark.parametrize(("below", "told"), [(0.0, True), (0.28, False)], ids=["two states", "one state"])
def test_the_title_says_where_two_annealed_states_cost_the_same(below, told):
    rows = [
        (f"d32-{way}-annealed", 1, step, gamma, norm, attention, 1.0, loss)
        # Losses + gamma * norm are the same at 0.0021.
        for way, norm, loss, attention in (("up", 2.0, 2.0, 0.3), ("down", 1.0, 2.0021, below))
        for step, gamma in enumerate((0.0018, 0.0024))
    ]
    metrics = pd.DataFrame(rows, columns=BRANCHES)
    figure = equilibrium.draw(metrics, make_probes().iloc[:0], make_entropies(set(metrics["size"])))
    assert ("cost the same at $\\gamma$ = 0.0021 ($d=32$)" in title_of(figure)) == told


def test_the_title_says_what_does_not_come_back():
    rows = [
        (f"d32-{way}", 1, step, gamma, 1.0, value, value, 2.0)
        for way, of_way in (("up", (0.5, 0.0)), ("down", (0.0, 0.0)))
        for step, (gamma, value) in enumerate(zip((0.001, 0.002), of_way, strict=True))
    ]
    metrics = pd.DataFrame(rows, columns=BRANCHES)
    figure = equilibrium.draw(metrics, make_probes().iloc[:0], make_entropies(set(metrics["size"])))
    told = title_of(figure)
    assert "$d=32$: attention does not come back, $OV$ does not come back" in told
    assert "times" not in told


def test_entries_of_other_names_leave_nothing_to_draw():
    metrics = make_metrics(SIZES).assign(weight_decay=0.1, squared_norm=1.0)
    with pytest.raises(RecordError, match="d<width>-up"):
        equilibrium.draw(metrics, make_probes(), make_entropies())
