"""What each figure shows: every row of its tables, labels with units, and nothing cut or covered."""

from __future__ import annotations

import itertools
import re
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from figure_tables import (
    GRAPH,
    NGRAM_ENTROPIES,
    STEPS,
    check_layout,
    count_points,
    lines_of,
    make_derivative,
    make_metrics,
    make_published,
    make_published_slopes,
    make_scores,
)
from matplotlib.backends.backend_agg import FigureCanvasAgg

from orderparam.analysis.derivative import compute_derivative
from orderparam.errors import RecordError
from orderparam.figures import (
    fig1_hmmt,
    fig2_architecture,
    fig3_loss_vs_steps,
    fig4_loss_vs_order_parameter,
    fig5_loss_derivative_vs_order_parameter,
)
from orderparam.figures.style import (
    FigureContext,
    assign_styles,
    describe_seeds,
    drawn_from,
    save_figure,
    styled,
)

NOTICE = "Stand-in corpus: not the text that was asked for"
LONG = "a-size-with-a-name-that-is-much-too-long-for-the-width-of-one-column-of-text"


def draw_fig5(metrics, derivative=None, entropies=NGRAM_ENTROPIES, published=None):
    derivative = make_derivative(metrics) if derivative is None else derivative
    slopes = None if published is None else make_published_slopes(published)
    return fig5_loss_derivative_vs_order_parameter.draw(entropies, metrics, derivative, slopes)


def panels_of_fig5(figure):
    """The axes of Figure 5 and of its inset."""
    (main,) = figure.axes
    (inset,) = main.child_axes
    return main, inset


def draw_fig3(metrics, published=None):
    return fig3_loss_vs_steps.draw(NGRAM_ENTROPIES, metrics, published)


def draw_fig4(metrics, published=None, entropies=NGRAM_ENTROPIES):
    return fig4_loss_vs_order_parameter.draw(entropies, metrics, published)


def draw_all(metrics, published=None, context=None):
    with drawn_from(context):
        return {
            "fig1": fig1_hmmt.draw(make_scores()),
            "fig2": fig2_architecture.draw(asdict(GRAPH)),
            "fig3": draw_fig3(metrics, published),
            "fig4": draw_fig4(metrics, published),
            "fig5": draw_fig5(metrics, published=published),
        }


def words_of(texts):
    return " ".join(text.get_text() for text in texts).replace("\N{NO-BREAK SPACE}", " ")


def test_every_axis_has_its_label_and_unit():
    figures = draw_all(make_metrics())
    labels = {
        name: [(axes.get_xlabel(), axes.get_ylabel().replace("\n", " ")) for axes in figure.axes]
        for name, figure in figures.items()
    }
    b = r"order parameter $b = \|W_\mathrm{head}\|_F\,/\,d_\mathrm{model}$"
    slope = r"slope $\mathrm{d}L/\mathrm{d}b$ (nats per character)"
    assert labels["fig1"] == [("HMMT February 2025 score (per cent)", "")]
    step = "training step (updates)"
    assert labels["fig3"] == [(step, "loss (nats per character)"), (step, "")]
    assert labels["fig4"] == [(b, "training loss (nats per character)")]
    assert labels["fig5"] == [(b, slope)]


def test_every_subtitle_names_experiment_corpus_seeds_and_stand_in():
    figures = draw_all(make_metrics(), context=FigureContext("preview", "my_corpus", NOTICE))
    for name, figure in figures.items():
        said = words_of(figure.texts)
        assert NOTICE in said
        if name != "fig1":
            assert "Experiment preview; corpus my_corpus" in said
        if name in ("fig3", "fig4", "fig5"):
            assert "seeds 1, 2" in said
    assert all(NOTICE not in words_of(figure.texts) for figure in draw_all(make_metrics()).values())


def test_figure_1_draws_every_score_and_marks_what_is_secondary():
    scores = make_scores()
    figure = fig1_hmmt.draw(scores)
    bars = [patch for patch in figure.axes[0].patches if patch.get_gid()]
    assert sorted(bar.get_width() for bar in bars) == sorted(scores["score"])
    assert [bar.get_width() for bar in bars if bar.get_hatch()] == [75.0]
    assert {text.get_text() for text in figure.axes[0].texts} == {"50.0", "75.0", "25.0"}
    assert "Published figures, redrawn, not measured here" in words_of(figure.texts)
    assert "a paper; a blog" in words_of(figure.texts)
    extents = sorted((bar.get_y(), bar.get_y() + bar.get_height()) for bar in bars)
    assert all(below[1] <= above[0] + 1e-9 for below, above in itertools.pairwise(extents))


def test_figure_3_draws_every_row_and_the_mean_over_seeds():
    metrics = make_metrics(seeds=(1, 2, 5))
    figure = draw_fig3(metrics)
    panels = figure.axes
    for place, (axes, size) in enumerate(zip(panels, ("10K", "0.1M"), strict=True)):
        of_size = metrics[metrics["size"] == size]
        for loss in ("train_loss", "val_loss"):
            lines = lines_of(axes, f"{loss}-{place}-")
            seeds = [line for line in lines if not line.get_gid().endswith("mean")]
            (mean,) = [line for line in lines if line.get_gid().endswith("mean")]
            assert sum(len(line.get_xdata()) for line in seeds) == len(of_size)
            np.testing.assert_allclose(mean.get_ydata(), of_size.groupby("step")[loss].mean())
        (minimum,) = lines_of(axes, "minimum")
        assert minimum.get_xdata() == [30]
        assert minimum.get_ydata() == pytest.approx([2 + 0.01 * 8 / 3])
        assert axes.get_title(loc="right") == "min. 2.027 at step 30"
        (level,) = lines_of(axes, "level-")
        assert level.get_ydata()[0] == 2.5
        low, high = axes.get_xlim()
        assert low < 0 < max(STEPS) < high


def test_figure_3_has_a_star_only_where_the_loss_turns_up():
    metrics = make_metrics()
    falls = metrics["val_loss"].where(metrics["size"] != "10K", 3 - metrics["step"] / 60)
    figure = draw_fig3(metrics.assign(val_loss=falls))
    assert [len(lines_of(axes, "minimum")) for axes in figure.axes] == [0, 1]
    said = words_of(figure.texts)
    assert "The validation loss turns up in 0.1M after step 30, but not in 10K" in said
    figure = draw_fig3(metrics.assign(val_loss=3 - metrics["step"] / 60))
    assert not any(lines_of(axes, "minimum") for axes in figure.axes)


def test_figure_3_draws_markers_in_all_panels_or_in_none():
    coarse = make_metrics(sizes=("coarse",))
    fine = pd.concat(
        [make_metrics(sizes=("fine",)).assign(step=lambda t, i=i: t["step"] + i / 4) for i in (0, 1)]
    )
    for metrics, marked in ((pd.concat([coarse, fine]), False), (make_metrics(), True)):
        figure = draw_fig3(metrics)
        means = [line for axes in figure.axes for line in lines_of(axes) if line.get_gid().endswith("-mean")]
        assert len(means) == 4
        assert [line.get_marker() != "None" for line in means] == [marked] * 4


def test_figure_3_shows_a_loss_measured_once():
    metrics = pd.concat([make_metrics(), make_metrics(sizes=("once",)).query("step == 0")])
    figure = draw_fig3(metrics)
    (mean,) = lines_of(figure.axes[2], "train_loss-2-mean")
    assert mean.get_marker() != "None"


def test_figure_3_takes_the_mean_of_shorter_runs_where_no_whole_one_was_measured():
    metrics = make_metrics(sizes=("10K",), seeds=(1, 2))
    steps = sorted(metrics["step"].unique())
    whole = (metrics["seed"] == 1) & ~metrics["step"].isin(steps[1:3])
    shorter = (metrics["seed"] == 2) & (metrics["step"] < steps[-1])
    figure = draw_fig3(metrics[whole | shorter])
    (mean,) = lines_of(figure.axes[0], "train_loss-0-mean")
    assert [*mean.get_xdata()] == steps
    expected = [
        metrics.query(f"step == {step} and seed == {2 if step in steps[1:3] else 1}") for step in steps
    ]
    np.testing.assert_allclose(mean.get_ydata(), [row["train_loss"].item() for row in expected])


def test_figure_3_names_each_line_once():
    def named(seeds):
        figure = draw_fig3(make_metrics(seeds=seeds))
        return [text.get_text() for legend in figure.artists for text in legend.get_texts()]

    star = "least validation loss"
    assert named((1,)) == ["training", "validation", star]
    assert named((1, 2)) == [
        "training, seed mean",
        "training, each seed",
        "validation, seed mean",
        "validation, each seed",
        star,
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_figure_3_has_a_labelled_panel_per_size(count):
    metrics = make_metrics(sizes=[f"size {i}" for i in range(count)], seeds=(1,))
    figure = draw_fig3(metrics)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [f"size {i}" for i in range(count)]
    styled(FigureCanvasAgg(figure).draw)()
    frames = [axes.get_position() for axes in figure.axes]
    lowest = min(frame.y0 for frame in frames)
    labelled = [bool(axes.get_xlabel()) for axes in figure.axes]
    assert labelled == [frame.y0 == pytest.approx(lowest) for frame in frames]
    # No empty quadrant: the last row, too, reaches the right-hand side.
    assert frames[-1].x1 == pytest.approx(max(frame.x1 for frame in frames))


def test_figure_4_draws_every_row_every_entropy_and_every_published_point():
    metrics, published = make_metrics(), make_published()
    axes = draw_fig4(metrics, published).axes[0]
    assert count_points(axes, "measured-") == len(metrics)
    assert count_points(axes, "published-") == len(published)
    levels = sorted(line.get_ydata()[0] for line in lines_of(axes, "level-"))
    assert levels == [1.9, 2.5, 3.3]
    levels = {"unigram $H_1$", "bigram $H_2$", "trigram $H_3$"}
    assert {text.get_text() for text in axes.texts} == levels | {"10K", "0.1M"}
    assert axes.get_xscale() == "log"
    low, high = axes.get_ylim()
    assert low < metrics["train_loss"].min()
    assert high > metrics["train_loss"].max()


@pytest.mark.parametrize("sizes", [("10K",), ("0.1M",), ()])
def test_sizes_without_a_run_are_shown_as_published(sizes):
    runs = make_metrics(sizes) if sizes else None
    published = make_published()
    figures = {
        "fig3": draw_fig3(runs, published),
        "fig4": draw_fig4(runs, published),
        "fig5": fig5_loss_derivative_vs_order_parameter.draw(
            NGRAM_ENTROPIES,
            runs,
            None if runs is None else make_derivative(runs),
            make_published_slopes(published),
        ),
    }
    for name, figure in figures.items():
        check_layout(figure, name)
        said = words_of(text for axes in figure.axes for text in axes.texts)
        # Where none of our runs is shown, the subtitle says so of all.
        assert said.count("published only") == (2 - len(sizes) if sizes else 0), name
        # The three slopes of these tables do not show whether they steepen.
        assert ("(published)" in words_of(figure.texts)) == (bool(sizes) and name != "fig5"), name
        for place, size in enumerate(("10K", "0.1M")):
            theirs = [
                line
                for axes in figure.axes
                for line in lines_of(axes, "published-")
                if line.get_gid().endswith(f"-{place}")
            ]
            assert theirs, (name, size)
            assert all(line.get_markerfacecolor() == "none" for line in theirs)


def test_a_run_that_ends_early_is_drawn_as_far_as_it_goes():
    runs = make_metrics().query("size == '10K' or step <= 20")
    published = make_published()
    figure = draw_fig3(runs, published)
    (mean,) = lines_of(figure.axes[1], "val_loss-1-mean")
    (theirs,) = lines_of(figure.axes[1], "published-val_loss-1")
    assert (max(mean.get_xdata()), max(theirs.get_xdata())) == (20, 60)
    assert "0.1M (published)" in words_of(figure.texts)
    # One of two seeds that ends early takes no part in the mean.
    runs = make_metrics().query("size == '10K' or seed == 1 or step <= 20")
    (mean,) = lines_of(draw_fig3(runs, published).axes[1], "val_loss-1-mean")
    assert max(mean.get_xdata()) == 60


def test_figure_5_omits_the_first_interval_and_shows_it_in_an_inset():
    metrics, published = make_metrics(), make_published()
    derivative = make_derivative(metrics)
    main, full = panels_of_fig5(draw_fig5(metrics, derivative, published=published))
    assert "with each run's first interval" in full.get_title(loc="left")
    gids = [line.get_gid() for axes in (main, full) for line in axes.get_lines() if line.get_gid()]
    assert len(set(gids)) == len(gids)
    assert count_points(full, "full-") == len(derivative)
    assert count_points(main, "main-") == (derivative["step"] > 10).sum()
    first = derivative.loc[derivative["step"] == 10, "order_parameter"]
    assert not any(np.isin(line.get_xdata(), first).any() for line in lines_of(main, "main-"))
    # Steps 10, 20 and 60: the last interval is four times as long, and within our runs.
    assert (count_points(main, "published-"), count_points(full, "published-")) == (2, 4)
    assert not any(len(bars.get_segments()) for bars in main.collections)


def test_figure_5_draws_a_published_mean_slope_over_its_interval_where_we_have_no_run():
    published = make_published()
    slopes = make_published_slopes(published)
    main, _ = panels_of_fig5(fig5_loss_derivative_vs_order_parameter.draw(NGRAM_ENTROPIES, published=slopes))
    bars = [segment for lines in main.collections for segment in lines.get_segments()]
    ends = published[published["step"].isin([20, 60])]["order_parameter"].to_numpy().reshape(2, 2)
    np.testing.assert_allclose([segment[:, 0] for segment in bars], ends)


def test_figure_5_leaves_the_place_of_its_inset_free():
    figure = draw_fig5(make_metrics(), published=make_published())
    check_layout(figure, "fig5")
    main, inset = panels_of_fig5(figure)
    renderer = FigureCanvasAgg(figure).get_renderer()
    box = inset.get_tightbbox(renderer)
    for line in (*lines_of(main, "main-"), *lines_of(main, "published-")):
        points = main.transData.transform(np.column_stack(line.get_data()))
        assert not any(box.contains(x, y) for x, y in points if np.isfinite(y)), line.get_gid()
    names = [text for text in main.texts if (text.get_gid() or "").startswith("name-")]
    assert len(names) == 2
    assert not any(box.overlaps(text.get_window_extent(renderer)) for text in names)


def test_figure_5_marks_where_the_loss_passes_the_bigram_entropy():
    # 4 - 3 g = 2.5 at growth g = 1/2, where b = 1.5 b_0 whatever the seed.
    metrics = make_metrics()
    main, _ = panels_of_fig5(draw_fig5(metrics))
    marks = {line.get_gid(): line.get_xdata()[0] for line in lines_of(main, "crossing-")}
    assert marks == {"crossing-0": pytest.approx(0.225), "crossing-1": pytest.approx(0.1125)}


def test_figure_5_marks_no_crossing_in_the_first_interval():
    metrics = make_metrics(sizes=("10K",))
    entropies = NGRAM_ENTROPIES.assign(train_entropy=[3.95, 3.9, 3.8, 3.0])
    main, _ = panels_of_fig5(draw_fig5(metrics, entropies=entropies))
    assert not lines_of(main, "crossing-")


def test_figure_5_marks_no_crossing_of_sizes_that_learn_another_text():
    with drawn_from(FigureContext("preview", "two", entropy_sizes=("0.1M",))):
        figure = draw_fig5(make_metrics())
    for axes in figure.axes:
        assert [line.get_gid() for line in lines_of(axes, "crossing-")] == ["crossing-1"]


def test_figure_5_leaves_a_gap_where_the_slope_is_undefined():
    metrics = make_metrics(sizes=("10K",), seeds=(1,))
    derivative = make_derivative(metrics)
    derivative.loc[3, "dloss_dorder"] = np.nan
    figure = draw_fig5(metrics, derivative)
    (line,) = lines_of(panels_of_fig5(figure)[1], "full-")
    assert np.flatnonzero(np.isnan(line.get_ydata())).tolist() == [3]
    assert np.isfinite(panels_of_fig5(figure)[1].get_ylim()).all()


@pytest.mark.parametrize("slopes", [[], [np.nan] * 12, [0.0] * 12, [5.0] * 12, [-1e5, 3.0] * 6])
def test_figure_5_bears_any_slopes(slopes):
    metrics = make_metrics(sizes=("10K",))
    derivative = make_derivative(metrics).iloc[: len(slopes)].assign(dloss_dorder=slopes)
    figure = draw_fig5(metrics, derivative)
    FigureCanvasAgg(figure).draw()
    finite = [value for value in slopes if np.isfinite(value)]
    if finite:
        low, high = panels_of_fig5(figure)[1].get_ylim()
        assert low < min(finite) <= max(finite) < high


@pytest.mark.parametrize(
    ("flattens", "said"),
    [(True, "does not steepen again beyond its noise in 10K"), (False, "steepens again in 10K")],
)
def test_figure_5_says_whether_a_slope_steepens_again(flattens, said):
    metrics = make_metrics(sizes=("10K",), seeds=(1,))
    rows = metrics.iloc[[0] * 13].assign(step=range(0, 130, 10))
    derivative = compute_derivative(rows.assign(order_parameter=0.1 + rows["step"] / 1000), {"10K": 10})
    slopes = -100 * 0.5 ** np.arange(len(derivative))
    derivative["dloss_dorder"] = slopes if flattens else np.r_[slopes[:6], slopes[5::-1]][: len(slopes)]
    title = words_of(draw_fig5(metrics, derivative).texts).replace("$", "")
    assert said in title and "0 of" not in title


def visible_labels(axes, renderer):
    low, high = axes.get_ylim()
    ticks = [tick for tick in axes.yaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [(tick.get_loc(), tick.label1.get_window_extent(renderer)) for tick in ticks]


@pytest.mark.parametrize("smallest", [1.0, 0.01])
@pytest.mark.parametrize(
    ("low", "high"), [(-1e6, 9e5), (-150, 250), (-30, 40), (-3e3, -2), (-50, -2), (2, 50), (-2, 2), (-1e5, 3)]
)
def test_figure_5_labels_no_tick_over_another(low, high, smallest):
    metrics = make_metrics(sizes=("10K",))
    derivative = make_derivative(metrics)
    slopes = np.resize([low, high, np.copysign(smallest, high)], len(derivative))
    figure = draw_fig5(metrics, derivative.assign(dloss_dorder=slopes))
    canvas = FigureCanvasAgg(figure)
    styled(canvas.draw)()
    for axes in figure.axes:
        labels = visible_labels(axes, canvas.get_renderer())
        assert len(labels) >= 2
        assert all(below.y1 <= above.y0 for (_, below), (_, above) in itertools.pairwise(labels)), labels
        if low < 0 < high:
            assert all(tick == 0 or np.log10(abs(tick)) % 1 == 0 for tick, _ in labels), labels


CASES = {
    "usual": (make_metrics(), None),
    "published": (make_metrics(), make_published()),
    "one size": (make_metrics(sizes=("10K",), seeds=(1337,)), None),
    "six sizes": (make_metrics(sizes=[f"d_model={2**i}" for i in range(6)], seeds=range(6)), None),
    "names": (make_metrics(sizes=(LONG, "_under$core$", "a b & <c>")), None),
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_cut_and_no_legend_covers_data(case):
    metrics, published = CASES[case]
    for name, figure in draw_all(metrics, published, FigureContext("preview", "my_corpus", NOTICE)).items():
        assert name == "fig2" or figure.artists
        check_layout(figure, name)


def test_curves_are_named_as_they_are():
    names = ("_under$core$", "a b & <c>")
    metrics = make_metrics(sizes=names)
    for figure in (draw_fig4(metrics), draw_fig5(metrics)):
        texts = [text for text in figure.axes[0].texts if (text.get_gid() or "").startswith("name-")]
        assert {text.get_text().replace(r"\$", "$") for text in texts} == set(names)


def test_a_size_looks_the_same_in_every_figure_and_no_two_look_alike():
    sizes = [f"size {i}" for i in range(12)]
    styles = assign_styles(sizes)
    assert len({style.marker for style in styles.values()}) == 12
    assert len(set(styles.values())) == 12
    metrics = make_metrics(sizes=sizes, seeds=(1,))
    figures = draw_all(metrics)
    for place, style in enumerate(styles.values()):
        train = lines_of(figures["fig3"].axes[place], f"train_loss-{place}-mean")[0]
        measured = lines_of(figures["fig4"].axes[0], f"measured-{place}-")[0]
        slopes = lines_of(figures["fig5"].axes[0], f"main-{place}-")[0]
        assert {train.get_color(), measured.get_color(), slopes.get_color()} == {style.colour}
        assert {measured.get_marker(), slopes.get_marker()} == {style.marker}


@pytest.mark.parametrize(
    ("seeds", "phrase"),
    [([1337], "seed 1337"), ([3, 1, 3], "seeds 1, 3"), (range(1, 9), "8 seeds, 1 to 8")],
)
def test_seeds_are_named(seeds, phrase):
    assert describe_seeds(seeds).replace("\N{NO-BREAK SPACE}", " ") == phrase


def test_a_missing_entropy_is_named():
    with pytest.raises(RecordError, match="order 3"):
        draw_fig4(make_metrics(), entropies=NGRAM_ENTROPIES.iloc[:2])


def test_empty_tables_are_refused():
    empty = make_metrics().iloc[:0]
    with pytest.raises(RecordError, match="no rows"):
        draw_fig3(empty)
    with pytest.raises(RecordError, match="no rows"):
        fig1_hmmt.draw(pd.DataFrame(columns=make_scores().columns))


def test_points_bear_their_values_as_titles(tmp_path):
    metrics = make_metrics()
    save_figure(
        fig4_loss_vs_order_parameter.draw(NGRAM_ENTROPIES, metrics), tmp_path / "a.svg", tmp_path / "a.png"
    )
    titles = re.findall(r"<title>(.*?)</title></use>", (tmp_path / "a.svg").read_text("utf-8"))
    expected = [
        f"{row.size}, seed {row.seed}: {row.order_parameter:.5g}, {row.train_loss:.5g}"
        for row in metrics.itertuples()
    ]
    assert sorted(titles) == sorted(expected)
