"""Planted claims: true ones are supported, false ones refuted, and what cannot be told is not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from claim_tables import (
    H1,
    H2,
    H3,
    entropies,
    falling,
    judge,
    loss_slopes,
    metrics,
    rising,
    verdict,
    write_evidence,
)

from orderparam.analysis.published_values import tabulate_published
from orderparam.analysis.slopes import measure_loss_slopes
from orderparam.claims.all_tests import TESTS
from orderparam.claims.evidence import Evidence
from orderparam.claims.judge import gather_verdicts, judge_claims
from orderparam.claims.ledger import Claim
from orderparam.claims.sizes import seeds_needed
from orderparam.claims.verdict import Interval
from orderparam.errors import RecordError
from orderparam.tables import CLAIMS, read_table, write_table

PUBLISHED = Path(__file__).resolve().parents[2] / "config/published"
SUPPORTED, REFUTED, INCONCLUSIVE = "supported", "refuted", "inconclusive"
NOT_DETECTABLE = "not detectable by this test"
NOT_TESTED = "not tested at this scale"


def dipping_b(step):
    return rising(step) - (0.05 if 6000 <= step < 9000 else 0.0)


def bumpy(step):
    return falling(step) + (0.3 if 6000 <= step < 9000 else 0.0)


def overfit(step):
    return 1.6 + 2 * np.exp(-step / 1000) + 0.03 * step / 1000


CURVES = {
    "good": (rising, falling, falling),
    "bad": (dipping_b, falling, falling),
    "bumpy": (rising, bumpy, falling),
}


@pytest.mark.parametrize(
    ("test", "sizes", "expected"),
    [
        ("order_parameter_rises", ["good"], SUPPORTED),
        ("order_parameter_rises", ["good", "bad"], REFUTED),
        # A size that refutes outweighs one that is missing.
        ("order_parameter_rises", ["bad", "10M"], REFUTED),
        ("loss_falls_with_order_parameter", ["good"], SUPPORTED),
        ("loss_falls_with_order_parameter", ["bumpy"], REFUTED),
    ],
)
def test_monotonicity(tmp_path, test, sizes, expected):
    found = write_evidence(tmp_path, metrics=metrics(CURVES))
    row = judge(test, found, sizes=sizes, every=1000)
    assert row["verdict"] == expected
    assert row["file"] == str(tmp_path / "metrics.csv")
    if expected == REFUTED:
        assert row["upper"] < 0
        assert row["note"].startswith(f"{'bumpy' if 'bumpy' in sizes else 'bad'}, 5 seeds, 5 against")


def test_noise_is_allowed_for_only_where_it_is_said(tmp_path):
    curves = {size: CURVES[size] for size in ("good", "bad")}
    found = write_evidence(tmp_path, metrics=metrics(curves, noise=0.002, steps=range(0, 20001, 40)))
    # b is read off the weights: what falls, falls. A loss is allowed its noise where the claim says so.
    assert verdict("order_parameter_rises", found, sizes=["good"]) == REFUTED
    for allowed, expected in ((False, REFUTED), (True, SUPPORTED)):
        arguments = {"sizes": ["good"], "allow_noise": allowed}
        assert verdict("loss_falls_with_order_parameter", found, **arguments) == expected


@pytest.mark.parametrize(("size", "expected"), [("good", INCONCLUSIVE), ("bad", REFUTED)])
def test_one_run_refutes_a_claim_on_all_runs_and_supports_none(tmp_path, size, expected):
    found = write_evidence(tmp_path, metrics=metrics(CURVES, seeds=1))
    row = judge("order_parameter_rises", found, sizes=[size], every=1000)
    assert row["verdict"] == expected
    assert ("needs 3" in row["note"]) == (expected == INCONCLUSIVE)


@pytest.mark.parametrize(
    ("sample", "low", "needed"),
    [
        ([1.0], 0.0, 3),
        # t_3 sd / 2 = 1.59 sd < 1 < t_2 sd / sqrt 3 = 2.48 sd, for sd = 0.5.
        ([0.5, 1.0, 1.5], 0.0, 4),
        ([-1.0, 1.0], 0.0, 1000),
    ],
)
def test_how_many_seeds_would_decide(sample, low, needed):
    assert seeds_needed(np.array(sample), low, np.inf, 0.95) == needed


@pytest.mark.parametrize(
    ("y", "ends"),
    [
        ([1.0, 2.0, 3.0], (1.0, 1.0)),
        # No scatter at all, as of values on any other line.
        ([5.0, 5.0, 5.0], (0.0, 0.0)),
        # Residuals 1/6, -1/3, 1/6 about a slope of 1/2: an error of sqrt(1/12), times t_1 = 12.706.
        ([0.0, 0.0, 1.0], (0.5 - 3.668, 0.5 + 3.668)),
        # Two points have no freedom left, and a missing value says nothing.
        ([5.0, 5.0], (np.nan, np.nan)),
        ([5.0, np.nan, 5.0], (np.nan, np.nan)),
    ],
)
def test_a_slope_is_as_sure_as_its_points_lie_on_a_line(y, ends):
    interval = Interval.of_slope(np.arange(len(y)), y)
    assert (interval.lower, interval.upper) == pytest.approx(ends, abs=1e-3, nan_ok=True)


def test_missing_size_table_and_steps_are_told(tmp_path):
    curves = {"10K": (rising, falling, falling)}
    found = write_evidence(tmp_path, metrics=metrics(curves, steps=range(0, 1001, 50)))
    for sizes, every, note in (
        (["10K", "10M"], 100, "10M: no such size"),
        (["10K"], 1000, "fewer than 3 measured steps"),
    ):
        row = judge("order_parameter_rises", found, sizes=sizes, every=every)
        assert row["verdict"] == NOT_TESTED and note in row["note"]
    for name, test in TESTS.items():
        arguments = {"sizes": ["10K"], "tolerance": 0.1} if name == "loss_floors_at_entropy" else {}
        if not test.misfits(arguments) and test.tables != ("metrics.csv",):
            row = judge(name, found, **arguments)
            assert row["verdict"] == NOT_TESTED and "there is no" in row["note"], name
    row = judge("order_parameter_rises", Evidence([]))
    assert row["verdict"] == NOT_TESTED and "there is no metrics.csv" in row["note"]


def test_table_with_other_columns_is_an_error(tmp_path):
    write_table(pd.DataFrame({"size": ["10K"], "step": [1]}), tmp_path / "metrics.csv")
    with pytest.raises(RecordError, match=r"metrics\.csv: expected the columns"):
        judge("order_parameter_rises", Evidence([tmp_path / "metrics.csv"]))


@pytest.mark.parametrize(
    ("size", "earliest", "latest", "expected"),
    [
        ("10M", 1000, 10000, SUPPORTED),
        ("1M", 1000, 10000, REFUTED),
        ("10M", 8000, 10000, REFUTED),
        ("10M", 1, 20000, NOT_TESTED),
        ("100M", 1000, 10000, NOT_TESTED),
    ],
)
def test_validation_that_turns_up(tmp_path, size, earliest, latest, expected):
    curves = {"10M": (rising, falling, overfit), "1M": (rising, falling, falling)}
    found = write_evidence(tmp_path, metrics=metrics(curves, noise=0.001))
    assert verdict("validation_turns_up", found, size=size, earliest=earliest, latest=latest) == expected


# A fall, a plateau at H2, an escape; and the same without the plateau.
STEEP_DIP = np.concatenate([np.linspace(8, 1, 10), np.linspace(1, 4, 8), np.linspace(4, 0.5, 10)])
STEEP_PLAIN = np.linspace(8, 0.5, 28)
LOSS = np.concatenate([np.linspace(4.2, H2, 10), np.linspace(H2 - 0.01, H3, 18)])


@pytest.mark.parametrize("along", ["order_parameter", "step"])
@pytest.mark.parametrize(
    ("slopes", "dips", "plain"),
    [
        (loss_slopes("10K", STEEP_DIP, LOSS), SUPPORTED, REFUTED),
        (loss_slopes("10K", STEEP_PLAIN, LOSS), REFUTED, SUPPORTED),
        # Noise makes dips of its own: with errors as large as the dip there is none to be told.
        (loss_slopes("10K", STEEP_DIP, LOSS, error=2.0), REFUTED, SUPPORTED),
        (loss_slopes("10K", STEEP_DIP, LOSS - 2), NOT_TESTED, NOT_TESTED),
    ],
)
def test_dip_is_seen_where_there_is_one(tmp_path, slopes, dips, plain, along):
    found = write_evidence(tmp_path, loss_slope=slopes, entropies=entropies("10K"))
    assert verdict("slope_dips_at_entropy", found, along=along, near=0.15) == dips
    assert verdict("slope_dips_at_entropy", found, along=along, near=0.15, expected=False) == plain


@pytest.mark.parametrize(("offset", "expected"), [(0, SUPPORTED), (700, REFUTED)])
def test_marked_point_is_compared_with_the_escape(tmp_path, offset, expected):
    escape = 100 * (1 + 10 + int(np.argmax(STEEP_DIP[10:])))
    rows = [
        {"size": "10K", "seed": seed, "step": step, "dloss_dorder": -1.0 - 5 * (step == escape + offset)}
        for seed in range(5)
        for step in range(escape - 800, escape + 1600, 100)
    ]
    tables = {"loss_slope": loss_slopes("10K", STEEP_DIP, LOSS), "derivative": rows}
    found = write_evidence(tmp_path, **tables, entropies=entropies("10K"))
    assert verdict("marked_point_is_escape", found, every=300, from_step=0, near=0.15) == expected


def test_slopes_that_flatten_or_steepen(tmp_path):
    rows = [
        {
            "size": size,
            "seed": seed,
            "step": 1000 * k,
            "order_parameter": 0.1 + k / 100,
            "dloss_dorder": slope,
        }
        for seed in range(4)
        for k in range(1, 20)
        for size, slope in (("flat", -40 / k), ("kink", -40 / k - 6 * np.exp(-((k - 10) ** 2) / 4)))
    ]
    found = write_evidence(tmp_path, derivative=rows)
    for size, expected, result in (
        ("flat", True, SUPPORTED),
        ("kink", True, REFUTED),
        ("kink", False, SUPPORTED),
    ):
        arguments = {"sizes": [size], "from_step": 2000, "expected": expected}
        assert verdict("slope_has_no_extremum", found, **arguments) == result
    # Steepest at k = 10, where b is 0.2, in every seed.
    for b, result in ((0.5, REFUTED), (0.2, SUPPORTED)):
        arguments = {"size": "kink", "order_parameter": b, "from_step": 5000}
        assert verdict("slope_extremum_is_predicted", found, **arguments) == result


def test_floors(tmp_path):
    def floor(level):
        return lambda step: level + 2 * np.exp(-step / 500)

    curves = {"at-2": (rising, floor(H2), falling), "below": (rising, floor(H3), falling)}
    found = write_evidence(tmp_path, metrics=metrics(curves), entropies=entropies(*curves))
    for size, order, expected in (("at-2", 2, SUPPORTED), ("below", 2, REFUTED), ("below", 3, SUPPORTED)):
        arguments = {"sizes": [size], "order": order, "tolerance": 0.05}
        assert verdict("loss_floors_at_entropy", found, **arguments) == expected


@pytest.mark.parametrize("vanishes", [True, False])
def test_weight_decay(tmp_path, vanishes):
    def sweep(end, level):
        return (lambda step: 0.2 if step == 0 else end, lambda step: level, lambda step: level)

    low = 1e-5 if vanishes else 0.1
    curves = {
        "l2-up-0.1": sweep(0.2, H2),
        "l2-up-1": sweep(low, H1 if vanishes else H2),
        "l2-down-0.1": sweep(1e-5 if vanishes else 0.2, H1),
    }
    shapes = {size: {"weight_decay": float(size.rsplit("-", 1)[1])} for size in curves}
    masses = {"l2-up-0.1": 0.8, "l2-up-1": 0.1, "l2-down-0.1": 0.1 if vanishes else 0.8}
    probes = [
        {"size": size, "seed": seed, "step": 9, "quantity": "attention_mass", "layer": 0, "head": head}
        | {"order": 1, "value": (mass if head else 0.05) * (1 + 0.01 * seed)}
        for size, mass in masses.items()
        for seed in range(5)
        for head in range(2)
    ]
    found = write_evidence(
        tmp_path, shapes, metrics=metrics(curves), probes=probes, entropies=entropies(*curves)
    )
    expected = SUPPORTED if vanishes else REFUTED
    assert verdict("weight_decay_has_zero_phase", found, prefix="l2-up-", share=0.05) == expected
    assert verdict("strongest_decay_leaves_unigrams", found, prefix="l2-up-", tolerance=0.05) == expected
    assert verdict("weight_decay_has_hysteresis", found, prefix="l2", factor=1.1) == expected
    assert verdict("attention_has_two_branches", found, prefix="l2", factor=2) == expected
    # Of this sweep b comes back or does not, and the loss never does.
    row = judge("weight_decay_has_hysteresis", found, prefix="l2", factor=1.1, quantity="train_loss")
    assert row["verdict"] == SUPPORTED
    assert row["value"] == pytest.approx(H1 / H2, rel=1e-3)
    assert verdict("weight_decay_has_hysteresis", found, prefix="adamw", factor=1.1) == NOT_TESTED


@pytest.mark.parametrize("looks_back", [True, False])
def test_attention_and_divergence(tmp_path, looks_back):
    steps = range(0, 2001, 100)
    loss = {step: 4.2 - 1.4 * np.log1p(step / 150) / np.log1p(2000 / 150) * 1.8 for step in steps}
    table = metrics({"10K": (rising, loss.__getitem__, falling)}, steps=steps)
    rows = []
    for seed in range(5):
        for step in steps:
            mass = 0.1 + (0.5 if looks_back and loss[step] < H2 - 0.1 else 0.0) + 0.001 * seed
            distance = abs(loss[step] - (H2 if looks_back else H1)) + 0.01
            for quantity, order, value in (("attention_mass", 1, mass), ("ngram_divergence", 2, distance)):
                row = {"size": "10K", "seed": seed, "step": step, "quantity": quantity, "layer": 0, "head": 0}
                rows.append(row | {"order": order, "value": value})
    found = write_evidence(tmp_path, metrics=table, probes=rows, entropies=entropies("10K"))
    expected = SUPPORTED if looks_back else REFUTED
    assert verdict("previous_token_mass_rises_at_escape", found) == expected
    assert verdict("divergence_is_least_at_passage", found, window=0.2) == expected


@pytest.mark.parametrize(
    ("inside", "sizes", "expected"),
    [
        ([True] * 20, ["10K"], SUPPORTED),
        ([True] * 20, ["10K", "1M"], NOT_TESTED),
        ([True] * 12 + [False] * 8, ["10K"], REFUTED),
        ([None] * 20, ["10K"], NOT_TESTED),
    ],
)
def test_published_values(tmp_path, inside, sizes, expected):
    table = {"size": "10K", "step": range(20), "quantity": "train_loss"}
    table |= {"inside": pd.array(inside, dtype="boolean")}
    found = write_evidence(tmp_path, comparison=table)
    assert verdict("published_values_are_predicted", found, quantity="train_loss", sizes=sizes) == expected


def test_orders_of_magnitude_are_arithmetic():
    shapes = {
        size: {"d_model": width, "n_layer": layers, "attention": "causal", "context": 256}
        for size, width, layers in (("10K", 32, 1), ("10M", 384, 6))
    }
    found, test = Evidence([], shapes), "sizes_span_orders_of_magnitude"
    row = judge(test, found, sizes=["10K", "10M"], stated=4, characters=65)
    assert row["verdict"] == REFUTED and row["value"] == pytest.approx(np.log10(10_788_929 / 25_089))
    assert "25,089 to 10,788,929 parameters" in row["note"] and row["file"] == ""
    assert verdict(test, found, sizes=["10K", "10M"], stated=2.6, characters=65) == SUPPORTED
    assert verdict(test, found, sizes=["10K", "1M"], stated=4, characters=65) == NOT_TESTED


EVERYWHERE = {"sizes": ["10K", "0.1M", "1M", "10M"], "every": 1000}
LATE = {"from_step": 2000}


@pytest.mark.parametrize(
    ("test", "arguments", "expected"),
    [
        ("order_parameter_rises", EVERYWHERE, SUPPORTED),
        ("loss_falls_with_order_parameter", EVERYWHERE, SUPPORTED),
        ("validation_turns_up", {"size": "10M", "earliest": 3000, "latest": 5000}, SUPPORTED),
        ("validation_turns_up", {"size": "1M", "earliest": 1000, "latest": 10000}, REFUTED),
        ("slope_has_no_extremum", {"sizes": ["10K", "0.1M"], **LATE, "expected": False}, SUPPORTED),
        ("slope_has_no_extremum", {"sizes": ["10K"], **LATE}, REFUTED),
        # Means over wide intervals never show that there is no extremum.
        ("slope_has_no_extremum", {"sizes": ["1M", "10M"], **LATE}, INCONCLUSIVE),
        ("slope_has_no_extremum", {"sizes": ["1M"], **LATE, "expected": False}, INCONCLUSIVE),
    ],
)
def test_the_author_s_tables_are_judged_as_they_are_printed(tmp_path, test, arguments, expected):
    tables = [read_table(PUBLISHED / f"{name}.csv") for name in ("order_parameter", "slope_changes")]
    found = dict(zip(("metrics", "derivative"), tabulate_published(*tables, seed=1337), strict=True))
    row = judge(test, write_evidence(tmp_path, published=True, **found), **arguments)
    assert row["verdict"] == expected
    assert row["note"].startswith("author's published values, not run here; ")
    assert ("mean slopes over 1,000 to 4,000 steps" in row["note"]) == (test == "slope_has_no_extremum")


def transition_table(rows):
    return pd.DataFrame(rows, columns=["size", "quantity", "value", "lower", "upper"]).assign(seeds=8)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [(30.0, SUPPORTED), (-30.0, REFUTED), (0.0, NOT_DETECTABLE), (12.0, INCONCLUSIVE)],
)
def test_a_test_that_finds_nothing_refutes_only_what_its_interval_excludes(tmp_path, evidence, expected):
    rows = [("10K", "kink_evidence", evidence, evidence - 5, evidence + 5)]
    found = write_evidence(tmp_path, transition=transition_table(rows))
    assert verdict("slope_change_is_sharp", found, sizes=["10K"], threshold=10) == expected


def escapes(places, seeds=4):
    """Runs of each size whose loss leaves H2, at a step around which it falls by half of H2 - H3 and more."""
    rng = np.random.default_rng(1)
    steps = np.unique(np.r_[np.geomspace(1, 20, 9).astype(int), np.arange(40, 3001, 40)])
    metrics, slopes = [], []
    for size, (escape, width, start) in places.items():
        for seed in range(seeds):
            own = escape * np.exp(rng.normal(0, 0.02))
            loss = H2 + 1.9 / (1 + (steps / 30) ** 1.5) + rng.normal(0, 1e-3, steps.size)
            loss -= 0.45 / (1 + (steps / own) ** (-1 / width))
            b = start * (1 + 0.02 * np.sqrt(steps))
            values = {"step": steps, "order_parameter": b, "train_loss": loss, "val_loss": 3.0}
            run = pd.DataFrame({"size": size, "seed": seed, **values})
            metrics.append(run)
            slopes.append(measure_loss_slopes(run))
        metrics.append(metrics[-1].iloc[:1].assign(step=0, order_parameter=start, seed=99))
    return {"metrics": pd.concat(metrics), "loss_slope": pd.concat(slopes), "entropies": entropies(*places)}


def test_common_values_at_the_escape(tmp_path):
    shapes = {"10K": {"d_model": 32}, "0.1M": {"d_model": 64}}
    found = write_evidence(tmp_path, shapes, **escapes({"10K": (800, 0.3, 0.2), "0.1M": (800, 0.3, 0.1)}))
    expectations = {"b": SUPPORTED, "norm": REFUTED, "b_over_initial": REFUTED, "phi": REFUTED}
    for quantity, expected in expectations.items():
        row = judge("critical_values_differ", found, quantity=quantity, equal=0.05, near=0.15)
        assert row["verdict"] == expected, (quantity, row["note"])
        assert row["p_value"] < 0.05
    row = judge("critical_values_differ", found, quantity="b", equal=0.05, near=0.15, sizes=["10K", "1M"])
    assert row["verdict"] == NOT_TESTED


@pytest.mark.parametrize(("exponent", "expected"), [(0.5, SUPPORTED), (0.0, REFUTED)])
def test_passage_against_d_model(tmp_path, exponent, expected):
    places = {f"d{d}": (800, 0.3 * (d / 16) ** -exponent, 0.1) for d in (16, 32, 64)}
    shapes = {size: {"d_model": int(size[1:])} for size in places}
    found = write_evidence(tmp_path, shapes, **escapes(places))
    for quantity in ("steepest_progress", "passage_efolds"):
        arguments = {"sharpening": 0.2, "not_sharpening": 0.1, "near": 0.15}
        row = judge("passage_sharpens_with_width", found, quantity=quantity, **arguments)
        assert row["verdict"] == expected, (quantity, row["note"])


def test_critical_temperatures(tmp_path):
    critical = pd.DataFrame(
        [
            ("2d", "extrapolated", None, 2.2690, 0.0008, 2.269185),
            ("3d", "extrapolated", None, 4.60, 0.002, 4.511523),
            ("4d", "extrapolated", None, 6.68, 0.1, 6.680),
            ("1d", "crossing", 16, None, None, None),
            ("2d", "crossing", 16, 2.27, 0.001, 2.269185),
        ],
        columns=["system", "estimate", "length", "temperature", "error", "reference"],
    )
    found = write_evidence(tmp_path, critical=critical)
    for system, expected in (("2d", SUPPORTED), ("3d", REFUTED), ("4d", INCONCLUSIVE), ("5d", NOT_TESTED)):
        assert verdict("critical_temperature_is_found", found, system=system, tolerance=0.003) == expected
    assert verdict("no_critical_temperature", found, system="1d") == SUPPORTED
    assert verdict("no_critical_temperature", found, system="2d") == REFUTED


@pytest.mark.parametrize(("agrees", "expected"), [(True, SUPPORTED), (False, REFUTED)])
def test_lattices_against_exact_values(tmp_path, agrees, expected):
    table = {"system": "2d", "observable": ["energy", "specific_heat"], "count": 200, "beyond_3": [0, 1]}
    found = write_evidence(tmp_path, validation_summary=table | {"agrees": [True, agrees]})
    row = judge("lattice_agrees_with_exact", found, system="2d")
    assert row["verdict"] == expected
    assert row["value"] == pytest.approx(1 / 400)
    assert row["note"] == f"2d: 400 values; {'all agree' if agrees else 'specific_heat disagree'}"


def test_deep_linear_nets_and_detector(tmp_path):
    summary = pd.DataFrame(
        [
            ("D=1 gamma_c", 1.001, 1.0, 0.001),
            ("D=2 gamma_c", 0.42, 0.397, 0.058),
            ("D=2 largest s of the sweep down, kick 0.001", 1e-9, 0.0, None),
            ("D=2 collapse of the sweep up", 0.4722, 0.4725, 0.0006),
        ],
        columns=["quantity", "measured", "reference", "relative_deviation"],
    )
    errors = {"curve": ["line", "bend"], "curves": 400, "detected": [0, 60]}
    power = {"curve": "line", "slope_change": [0.25, 1.0], "curves": 400, "detected": [100, 398]}
    found = write_evidence(tmp_path, summary=summary, false_positives=errors, power=power)
    for quantities, expected in ((["D=1 gamma_c"], SUPPORTED), (["D=1 gamma_c", "D=2 gamma_c"], REFUTED)):
        assert verdict("closed_form_is_met", found, quantities=quantities, tolerance=0.01) == expected
    sweeps = {"down": "D=2 largest s of the sweep down", "up": "D=2 collapse", "spared": 0.05}
    assert verdict("sweep_down_stays_at_zero", found, **sweeps) == SUPPORTED
    assert verdict("detector_is_seldom_wrong", found, at_most=0.05) == REFUTED
    for slope_change, expected in ((1, SUPPORTED), (0.2, REFUTED), (2, NOT_TESTED)):
        arguments = {"slope_change": slope_change, "at_least": 0.9}
        assert verdict("detector_sees_planted_changes", found, **arguments) == expected


@pytest.mark.parametrize(("decay", "expected"), [(-0.1, SUPPORTED), (0.1, REFUTED)])
def test_valley_between_phases(tmp_path, decay, expected):
    rows = [
        {"states": 10, "length": length, "phase": phase, "valley_to_peak": factor * np.exp(decay * length)}
        for length in (20, 30, 40)
        for phase, factor in (("ordered", 0.9), ("disordered", 1.1))
    ]
    found = write_evidence(tmp_path, potts_phases=rows)
    assert verdict("phases_coexist", found) == expected
    assert verdict("phases_coexist", found, states=4) == NOT_TESTED


def test_capacity(tmp_path):
    rows = [("half", 250, 0.2, 0.19, 0.21), ("extrapolated", None, 0.14, 0.13, 0.15)]
    table = pd.DataFrame(rows, columns=["estimate", "neurons", "value", "lower", "upper"])
    found = write_evidence(tmp_path, capacity=table)
    for load, expected in ((0.138, SUPPORTED), (0.3, REFUTED), (0.125, INCONCLUSIVE)):
        assert verdict("retrieval_breaks_down", found, load=load, tolerance=0.1) == expected


@pytest.mark.parametrize(("fall", "expected"), [(0.001, SUPPORTED), (0.02, NOT_TESTED)])
def test_scaling_is_not_tested_far_from_convergence(tmp_path, fall, expected):
    fit = {"loss": ["val_loss"], "sizes": 4, "exponent": 0.076, "lower": 0.07, "upper": 0.08}
    points = {"size": ["10K"], "late_fall": fall}
    found = write_evidence(tmp_path, scaling=fit, scaling_points=points)
    assert verdict("loss_scales_with_exponent", found, exponent=0.076, tolerance=0.2) == expected
    assert verdict("loss_scales_with_exponent", found, exponent=0.3, tolerance=0.2) != SUPPORTED


@pytest.mark.parametrize(("drop", "expected"), [(0.0, SUPPORTED), (0.2, REFUTED)])
def test_samples_of_an_overfit_model(tmp_path, drop, expected):
    rows = [("10M", 1, "best", 3000, 0, "val_loss", 1.5), ("10M", 1, "last", 20000, 0, "val_loss", 2.5)]
    for sample in range(8):
        rows.append(("10M", 1, "best", 3000, sample, "words_in_corpus", 0.9 + 0.002 * sample))
        rows.append(("10M", 1, "last", 20000, sample, "words_in_corpus", 0.915 - drop - 0.001 * sample))
    names = ["size", "seed", "checkpoint", "step", "sample", "quantity", "value"]
    found = write_evidence(tmp_path, sample_quality=pd.DataFrame(rows, columns=names))
    arguments = {"size": "10M", "quantity": "words_in_corpus", "tolerance": 0.02, "overfit": 0.1}
    assert verdict("overfit_sample_is_no_worse", found, **arguments) == expected
    # A model that is not overfit has no sample to be judged by.
    row = judge("overfit_sample_is_no_worse", found, **{**arguments, "overfit": 2.0})
    assert row["verdict"] == NOT_TESTED and "is not overfit" in row["note"]


def test_detector_and_extrema_of_finite_systems(tmp_path):
    rows = [
        {"system": system, "extent": extent, "curves": 200, "detected": detected, "rate": detected / 200}
        | {"steepest": 2.0, "bend": 3.0 * extent**exponent if np.isfinite(extent) else None}
        for system, exponent in (("one", 0.5), ("other", 1.0))
        for extent, detected in ((8, 0), (16, 20), (64, 190), (np.inf, 200))
    ]
    found = write_evidence(tmp_path, finite_size=rows)
    row = judge("detector_sees_finite_systems", found, at_least=0.5)
    assert row["verdict"] == REFUTED and "one from 64 on" in row["note"]
    assert verdict("detector_sees_finite_systems", found, at_least=0.5, finite=False) == SUPPORTED
    row = judge("extrema_grow", found, sharpening=0.2)
    assert row["verdict"] == SUPPORTED and row["value"] == pytest.approx(0.5)
    assert verdict("extrema_grow", found, sharpening=0.6) == REFUTED


def test_each_claim_has_one_verdict_and_holm_corrects_all_of_them():
    def table(**verdicts):
        rows = [
            (name, name, verdict, "x", 1.0, 0.5, 1.5, p, "", "") for name, (verdict, p) in verdicts.items()
        ]
        return CLAIMS.frame(rows)

    claims = [Claim(name, name, "s", "t", {}, ("seeds", "paper*"), ()) for name in ("one", "two", "three")]
    tables = {
        "replay": table(one=(SUPPORTED, 0.5), two=(SUPPORTED, 0.03), three=(SUPPORTED, 0.01)),
        "seeds_recorded": table(one=(REFUTED, 0.02), two=(NOT_TESTED, None)),
    }
    found = gather_verdicts(tables, claims)
    assert found[["id", "judged_on", "role"]].apply(tuple, axis=1).tolist() == [
        ("one", "seeds_recorded", "verdict"),
        ("one", "replay", "further evidence"),
        ("two", "replay", "verdict"),
        ("two", "seeds_recorded", "further evidence"),
        ("three", "replay", "verdict"),
    ]
    # One run that contradicts a claim on all runs outranks the experiment that tests it best.
    exact = table(one=(REFUTED, None)).assign(lower=1.0, upper=1.0)
    outranked = gather_verdicts({**tables, "paper_as_coded_recorded": exact}, claims)
    assert outranked["judged_on"].iloc[0] == "paper_as_coded_recorded"
    corrected = found.set_index(["id", "role"])["p_holm"]
    assert corrected["three", "verdict"] == pytest.approx(0.03)
    assert corrected["one", "verdict"] == corrected["two", "verdict"] == pytest.approx(0.04)
    assert corrected.drop(index="verdict", level=1).isna().all()


def test_other_values_of_what_was_chosen_are_tried(tmp_path):
    found = write_evidence(
        tmp_path, transition=transition_table([("10K", "kink_evidence", 30.0, 20.0, 40.0)])
    )
    arguments = {"sizes": ["10K"], "threshold": 10}
    claim = Claim(
        "c", "A.", "m", "slope_change_is_sharp", arguments, ("any",), (), "", {"threshold": [25, 50]}
    )
    row = judge_claims([claim], found).iloc[0]
    assert row["verdict"] == SUPPORTED
    assert row["note"].endswith("with threshold 25 inconclusive, 50 not detectable by this test")


@pytest.mark.parametrize(("early", "expected"), [(0.05, SUPPORTED), (0.9, REFUTED)])
def test_words_that_change_at_the_passage_or_before(tmp_path, early, expected):
    steps = np.arange(0, 2001, 100)
    loss = {step: H2 + 1.0 * np.exp(-step / 200) - 0.3 * step / 1000 for step in steps}
    words = [
        {
            "size": "10K",
            "seed": seed,
            "step": step,
            "correct_share": early * (step > 0) + (1 - early) * (step > 500),
        }
        for seed in range(5)
        for step in steps
    ]
    table = metrics({"10K": (rising, loss.__getitem__, falling)}, steps=steps)
    found = write_evidence(tmp_path, vocabulary_statistics=words, metrics=table, entropies=entropies("10K"))
    assert verdict("words_change_at_passage", found, share=0.5) == expected
