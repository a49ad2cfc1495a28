"""Planted claims: true ones are supported, false ones refuted, and what cannot be told is not."""

import numpy as np
import pandas as pd
import pytest
from claim_tables import H1, H2, H3, entropies, evidence, falling, metrics, rising, slopes

from orderparam.claims.all_tests import TESTS
from orderparam.claims.evidence import Evidence
from orderparam.claims.judge import judge_claims
from orderparam.claims.ledger import Claim
from orderparam.errors import RecordError
from orderparam.tables import write_table


def judge(test, found, **arguments):
    claim = Claim("planted", "A claim.", "made up", test, arguments, ("any",), ())
    return judge_claims([claim], found).iloc[0]


def verdict(test, found, **arguments):
    return judge(test, found, **arguments)["verdict"]


def dipping_b(step):
    return rising(step) - (0.05 if 6000 <= step < 9000 else 0.0)


def overfit(step):
    return 1.6 + 2 * np.exp(-step / 1000) + 0.03 * step / 1000


def test_b_that_rises_and_b_that_falls(tmp_path):
    found = evidence(
        tmp_path,
        metrics=metrics({"good": (rising, falling, falling), "bad": (dipping_b, falling, falling)}),
    )
    assert verdict("order_parameter_rises", found, sizes=["good"], every=1000) == "supported"
    row = judge("order_parameter_rises", found, sizes=["good", "bad"], every=1000)
    assert row["verdict"] == "refuted"
    assert row["upper"] < 0 and row["note"].startswith("bad, 5 seeds")
    assert row["file"] == str(tmp_path / "metrics.csv")


def test_noise_is_allowed_for_only_where_it_is_said(tmp_path):
    steps = range(0, 20001, 40)
    found = evidence(tmp_path, metrics=metrics({"10K": (rising, falling, falling)}, noise=0.002, steps=steps))
    for test in ("order_parameter_rises", "loss_falls_with_order_parameter"):
        assert verdict(test, found) == "refuted"
        assert verdict(test, found, allow_noise=True) == "supported"
    steep = evidence(
        tmp_path, metrics=metrics({"10K": (dipping_b, falling, falling)}, noise=0.002, steps=steps)
    )
    assert verdict("order_parameter_rises", steep, allow_noise=True) == "refuted"


def test_loss_that_rises_with_b(tmp_path):
    def bumpy(step):
        return falling(step) + (0.3 if 6000 <= step < 9000 else 0.0)

    curves = {"good": (rising, falling, falling), "bad": (rising, bumpy, falling)}
    found = evidence(tmp_path, metrics=metrics(curves))
    assert verdict("loss_falls_with_order_parameter", found, sizes=["good"], every=1000) == "supported"
    assert verdict("loss_falls_with_order_parameter", found, sizes=["bad"], every=1000) == "refuted"


def test_one_seed_leaves_open(tmp_path):
    curves = {"good": (rising, falling, falling), "bad": (dipping_b, falling, falling)}
    found = evidence(tmp_path, metrics=metrics(curves, seeds=1))
    for size in curves:
        row = judge("order_parameter_rises", found, sizes=[size], every=1000)
        assert row["verdict"] == "inconclusive"
        assert "1 seed gives no interval" in row["note"]
        assert np.isfinite(row["value"]) and np.isnan(row["lower"])


def test_missing_size_table_and_steps_are_told(tmp_path):
    found = evidence(tmp_path, metrics=metrics({"10K": (rising, falling, falling)}, steps=range(0, 1001, 50)))
    row = judge("order_parameter_rises", found, sizes=["10K", "10M"], every=100)
    assert row["verdict"] == "not tested at this scale" and "10M: no such size" in row["note"]
    row = judge("order_parameter_rises", found, sizes=["10K"], every=1000)
    assert row["verdict"] == "not tested at this scale" and "fewer than 3 measured steps" in row["note"]
    for name, test in TESTS.items():
        arguments = {"sizes": ["10K"]} if name == "loss_floors_at_entropy" else {}
        if not test.misfit(arguments) and name not in (
            "order_parameter_rises",
            "loss_falls_with_order_parameter",
        ):
            row = judge(name, found, **arguments)
            assert row["verdict"] == "not tested at this scale" and "there is no" in row["note"], name


def test_size_that_refutes_outweighs_a_missing_one(tmp_path):
    found = evidence(tmp_path, metrics=metrics({"bad": (dipping_b, falling, falling)}))
    assert verdict("order_parameter_rises", found, sizes=["bad", "10M"], every=1000) == "refuted"


def test_table_with_other_columns_is_an_error(tmp_path):
    write_table(pd.DataFrame({"size": ["10K"], "step": [1]}), tmp_path / "metrics.csv")
    found = Evidence([tmp_path / "metrics.csv"])
    with pytest.raises(RecordError, match=r"metrics\.csv: expected the columns"):
        judge("order_parameter_rises", found)


def test_validation_that_turns_up(tmp_path):
    curves = {"10M": (rising, falling, overfit), "1M": (rising, falling, falling)}
    found = evidence(tmp_path, metrics=metrics(curves, noise=0.001))
    window = {"earliest": 1000, "latest": 10000}
    assert verdict("validation_turns_up", found, size="10M", **window) == "supported"
    assert verdict("validation_turns_up", found, size="1M", **window) == "refuted"
    assert verdict("validation_turns_up", found, size="10M", earliest=8000, latest=10000) == "refuted"
    assert (
        verdict("validation_turns_up", found, size="10M", earliest=1, latest=20000)
        == "not tested at this scale"
    )


# A fall, a plateau at H2, an escape; and the same without the plateau.
STEEP_DIP = np.concatenate([np.linspace(8, 1, 10), np.linspace(1, 4, 8), np.linspace(4, 0.5, 10)])
STEEP_PLAIN = np.linspace(8, 0.5, 28)
LOSS = np.concatenate([np.linspace(4.2, H2, 10), np.linspace(H2 - 0.01, H3, 18)])


def test_dip_is_seen_where_there_is_one(tmp_path):
    tables = pd.concat([slopes("dip", STEEP_DIP, LOSS), slopes("plain", STEEP_PLAIN, LOSS)])
    found = evidence(tmp_path, loss_slope=tables, entropies=entropies("dip", "plain"))
    for along in ("order_parameter", "step"):
        assert verdict("slope_dips_at_entropy", found, sizes=["dip"], along=along) == "supported"
        assert verdict("slope_dips_at_entropy", found, sizes=["plain"], along=along) == "refuted"
        assert (
            verdict("slope_dips_at_entropy", found, sizes=["plain"], along=along, expected=False)
            == "supported"
        )
        assert (
            verdict("slope_dips_at_entropy", found, sizes=["dip"], along=along, expected=False) == "refuted"
        )
    # Noise makes dips of its own: with errors as large as the dip there is none to be told.
    noisy = evidence(
        tmp_path, loss_slope=slopes("dip", STEEP_DIP, LOSS, error=2.0), entropies=entropies("dip")
    )
    assert verdict("slope_dips_at_entropy", noisy, sizes=["dip"]) != "supported"
    far = evidence(tmp_path, loss_slope=slopes("dip", STEEP_DIP, LOSS - 2), entropies=entropies("dip"))
    assert verdict("slope_dips_at_entropy", far, sizes=["dip"]) == "not tested at this scale"


def test_marked_point_is_compared_with_the_escape(tmp_path):
    run = slopes("10K", STEEP_DIP, LOSS)
    escape = 100 * (1 + 10 + int(np.argmax(STEEP_DIP[10:])))
    for offset, expected in ((0, "supported"), (700, "refuted")):
        grid = [
            (step, -1.0 - 5 * (step == escape + offset)) for step in range(escape - 800, escape + 1600, 100)
        ]
        rows = [
            {"size": "10K", "seed": seed, "step": step, "order_parameter": 0.1, "dloss_dorder": slope}
            for seed in range(5)
            for step, slope in grid
        ]
        tables = {"loss_slope": run, "derivative": pd.DataFrame(rows), "entropies": entropies("10K")}
        found = evidence(tmp_path, **tables)
        assert verdict("marked_point_is_escape", found, every=300, from_step=0) == expected


def test_slopes_that_flatten_or_steepen(tmp_path):
    rows = [
        {
            "size": size,
            "seed": seed,
            "step": 1000 * k,
            "order_parameter": 0.1 + k / 100,
            "dloss_dorder": -slope(k),
        }
        for size, slope in (
            ("flat", lambda k: 40 / k),
            ("kink", lambda k: 40 / k + 6 * np.exp(-((k - 10) ** 2) / 4)),
        )
        for seed in range(4)
        for k in range(1, 20)
    ]
    found = evidence(tmp_path, derivative=pd.DataFrame(rows))
    assert verdict("slope_has_no_extremum", found, sizes=["flat"], from_step=2000) == "supported"
    assert verdict("slope_has_no_extremum", found, sizes=["kink"], from_step=2000) == "refuted"
    assert (
        verdict("slope_has_no_extremum", found, sizes=["kink"], from_step=2000, expected=False) == "supported"
    )
    assert (
        verdict("slope_extremum_is_predicted", found, size="kink", order_parameter=0.5, from_step=5000)
        == "refuted"
    )


def test_floors(tmp_path):
    def floor(level):
        return lambda step: level + 2 * np.exp(-step / 500)

    curves = {"at-2": (rising, floor(H2), falling), "below": (rising, floor(H3), falling)}
    found = evidence(tmp_path, metrics=metrics(curves), entropies=entropies(*curves))
    assert verdict("loss_floors_at_entropy", found, sizes=["at-2"]) == "supported"
    assert verdict("loss_floors_at_entropy", found, sizes=["below"]) == "refuted"
    assert verdict("loss_floors_at_entropy", found, sizes=["below"], order=3) == "supported"


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
    found = evidence(tmp_path, shapes, metrics=metrics(curves), entropies=entropies(*curves))
    expected = "supported" if vanishes else "refuted"
    assert verdict("weight_decay_has_zero_phase", found, prefix="l2-up-") == expected
    assert verdict("strongest_decay_leaves_unigrams", found, prefix="l2-up-") == expected
    row = judge("weight_decay_has_hysteresis", found, prefix="l2")
    assert row["verdict"] == expected
    row = judge("weight_decay_has_hysteresis", found, prefix="l2", quantity="train_loss")
    # Of this sweep b comes back or does not, and the loss never does.
    assert row["verdict"] == "supported"
    assert row["value"] == pytest.approx(H1 / H2, rel=1e-3)
    assert verdict("weight_decay_has_hysteresis", found, prefix="adamw") == "not tested at this scale"


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
    found = evidence(tmp_path, metrics=table, probes=pd.DataFrame(rows), entropies=entropies("10K"))
    expected = "supported" if looks_back else "refuted"
    assert verdict("previous_token_mass_rises_at_escape", found) == expected
    assert verdict("divergence_is_least_at_passage", found) == expected


def test_published_values(tmp_path):
    def comparison(inside):
        return pd.DataFrame(
            {
                "size": "10K",
                "step": range(len(inside)),
                "quantity": "train_loss",
                "published": 2.0,
                "runs": 8,
                "mean": 2.0,
                "standard_deviation": 0.1,
                "lower": 1.8,
                "upper": 2.2,
                "inside": pd.array(inside, dtype="boolean"),
            }
        )

    arguments = {"quantity": "train_loss", "sizes": ["10K"]}
    good = evidence(tmp_path, comparison=comparison([True] * 20))
    assert verdict("published_values_are_predicted", good, **arguments) == "supported"
    assert verdict("published_values_are_predicted", good, quantity="train_loss", sizes=["10K", "1M"]) == (
        "not tested at this scale"
    )
    bad = evidence(tmp_path, comparison=comparison([True] * 12 + [False] * 8))
    assert verdict("published_values_are_predicted", bad, **arguments) == "refuted"
    unknown = evidence(tmp_path, comparison=comparison([None] * 20))
    assert verdict("published_values_are_predicted", unknown, **arguments) == "not tested at this scale"


def test_orders_of_magnitude(tmp_path):
    rows = [("10K", 25089), ("10M", 10788929)]
    table = pd.DataFrame(
        [
            dict(zip(("size", "seed", "parameters"), (size, 1, count), strict=True))
            | dict.fromkeys(
                (
                    "order_parameter_difference",
                    "loss_difference",
                    "checkpoints",
                    "verified_checkpoints",
                ),
                0,
            )
            for size, count in rows
        ]
    )
    found = evidence(tmp_path, verification=table)
    row = judge("sizes_span_orders_of_magnitude", found, sizes=["10K", "10M"], stated=4)
    assert row["verdict"] == "refuted" and row["value"] == pytest.approx(2.6335, abs=1e-4)
    assert verdict("sizes_span_orders_of_magnitude", found, sizes=["10K", "10M"], stated=2.6) == "supported"


def transition_table(rows):
    return pd.DataFrame(rows, columns=["size", "quantity", "value", "lower", "upper"]).assign(
        seeds=8, method=""
    )


def test_sharpness_and_common_values(tmp_path):
    rows = [
        ("10K", "kink_evidence", 30.0, 20.0, 40.0),
        ("0.1M", "kink_evidence", -30.0, -40.0, -20.0),
        ("10K", "escape_order_parameter", 0.33, 0.32, 0.34),
        ("0.1M", "escape_order_parameter", 0.165, 0.164, 0.166),
        ("10K", "escape_phi", 0.32, 0.30, 0.34),
        ("0.1M", "escape_phi", 0.33, 0.31, 0.345),
    ]
    shapes = {"10K": {"d_model": 32}, "0.1M": {"d_model": 64}}
    curves = {size: (rising, falling, falling) for size in shapes}
    found = evidence(tmp_path, shapes, transition=transition_table(rows), metrics=metrics(curves))
    assert verdict("slope_change_is_sharp", found, sizes=["10K"]) == "supported"
    assert verdict("slope_change_is_sharp", found, sizes=["10K", "0.1M"]) == "refuted"
    assert verdict("critical_values_differ", found, quantity="b") == "supported"
    # 0.33 x 32 = 0.165 x 64: one norm, and the intervals overlap.
    assert verdict("critical_values_differ", found, quantity="norm") in ("refuted", "inconclusive")
    assert verdict("critical_values_differ", found, quantity="phi") == "refuted"


@pytest.mark.parametrize(("exponent", "expected"), [(-1.0, "supported"), (0.0, "refuted"), (1.0, "refuted")])
def test_passage_against_d_model(tmp_path, exponent, expected):
    wobble = (1.0, 1.03, 0.98, 1.01, 1.02) if exponent else (1.0, 1.02, 1.05, 1.06, 1.1)
    rows, shapes = [], {}
    for d, factor in zip((16, 32, 64, 128, 256), wobble, strict=True):
        shapes[f"d{d}"] = {"d_model": d}
        length = 0.1 * factor * d**exponent
        rows.append((f"d{d}", "passage_efolds", length, length * 0.9, length * 1.1))
    found = evidence(tmp_path, shapes, transition=transition_table(rows))
    assert verdict("passage_shortens_with_width", found, quantity="passage_efolds") == expected
    assert (
        verdict("passage_shortens_with_width", found, quantity="passage_rise") == "not tested at this scale"
    )


def test_fluctuations(tmp_path):
    rows = []
    for d in (16, 32, 64, 128):
        for aligned, variance in ((0, 0.1), (1, 0.01 / d**1.3)):
            row = {"size": f"d{d}", "step": 100, "aligned": aligned, "seeds": 16, "mean": 0.5}
            row |= {"variance": variance, "variance_lower": 0.7 * variance, "variance_upper": 1.4 * variance}
            row |= {"susceptibility_width": d * variance, "susceptibility_parameters": d * d * variance}
            rows.append(row | {"binder": 0.0})
    shapes = {f"d{d}": {"d_model": d} for d in (16, 32, 64, 128)}
    found = evidence(tmp_path, shapes, susceptibility=pd.DataFrame(rows))
    assert verdict("susceptibility_grows", found, aligned=False) == "supported"
    assert verdict("susceptibility_grows", found, aligned=True) == "refuted"


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [((9.0, 4.0, 20.0), "supported"), ((1.1, 0.8, 1.5), "refuted"), ((3.0, 1.5, 9.0), "inconclusive")],
)
def test_fluctuations_of_timing(tmp_path, ratio, expected):
    found = evidence(tmp_path, transition=transition_table([("10K", "timing_variance_ratio", *ratio)]))
    assert verdict("fluctuations_are_of_timing", found) == expected


def test_known_systems(tmp_path):
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
    found = evidence(tmp_path, critical=critical)
    for system, expected in (
        ("2d", "supported"),
        ("3d", "refuted"),
        ("4d", "inconclusive"),
        ("5d", "not tested at this scale"),
    ):
        assert verdict("critical_temperature_is_found", found, system=system, tolerance=0.003) == expected
    assert verdict("no_critical_temperature", found, system="1d") == "supported"
    assert verdict("no_critical_temperature", found, system="2d") == "refuted"


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
    errors = pd.DataFrame({"curve": ["line", "bend"], "curves": 400, "detected": [0, 60]})
    power = pd.DataFrame(
        {"curve": "line", "slope_change": [0.25, 1.0], "curves": 400, "detected": [100, 398]}
    )
    found = evidence(tmp_path, summary=summary, false_positives=errors, power=power)
    assert verdict("closed_form_is_met", found, quantities=["D=1 gamma_c"]) == "supported"
    assert verdict("closed_form_is_met", found, quantities=["D=1 gamma_c", "D=2 gamma_c"]) == "refuted"
    sweeps = {"down": "D=2 largest s of the sweep down", "up": "D=2 collapse"}
    assert verdict("sweep_down_stays_at_zero", found, **sweeps) == "supported"
    assert verdict("detector_is_seldom_wrong", found) == "refuted"
    assert verdict("detector_sees_planted_changes", found, slope_change=1) == "supported"
    assert verdict("detector_sees_planted_changes", found, slope_change=0.2) == "refuted"


@pytest.mark.parametrize(("decay", "expected"), [(-0.1, "supported"), (0.1, "refuted")])
def test_valley_between_phases(tmp_path, decay, expected):
    rows = [
        {"states": 10, "length": length, "phase": phase, "valley_to_peak": factor * np.exp(decay * length)}
        for length in (20, 30, 40)
        for phase, factor in (("ordered", 0.9), ("disordered", 1.1))
    ]
    found = evidence(tmp_path, potts_phases=pd.DataFrame(rows))
    assert verdict("phases_coexist", found) == expected
    assert verdict("phases_coexist", found, states=4) == "not tested at this scale"


def test_capacity(tmp_path):
    rows = [("half", 250, 0.2, 0.19, 0.21), ("extrapolated", None, 0.14, 0.13, 0.15)]
    table = pd.DataFrame(rows, columns=["estimate", "neurons", "value", "lower", "upper"])
    found = evidence(tmp_path, capacity=table)
    assert verdict("retrieval_breaks_down", found, load=0.138) == "supported"
    assert verdict("retrieval_breaks_down", found, load=0.3) == "refuted"
    assert verdict("retrieval_breaks_down", found, load=0.125) == "inconclusive"


def test_scaling_is_not_tested_far_from_convergence(tmp_path):
    fit = {"loss": ["val_loss"], "sizes": 4, "exponent": 0.076, "lower": 0.07, "upper": 0.08}
    fit |= {"coefficient": 1.0, "r_squared": 1.0}
    for fall, expected in ((0.001, "supported"), (0.02, "not tested at this scale")):
        points = {"size": ["10K"], "parameters": 10, "seeds": 1, "train_loss": 2.0, "val_loss": 2.0}
        points |= {"least_val_loss": 2.0, "late_fall": fall}
        found = evidence(tmp_path, scaling=pd.DataFrame(fit), scaling_points=pd.DataFrame(points))
        assert verdict("loss_scales_with_exponent", found, exponent=0.076) == expected
        assert verdict("loss_scales_with_exponent", found, exponent=0.3) != "supported"


@pytest.mark.parametrize(("drop", "expected"), [(0.0, "supported"), (0.2, "refuted")])
def test_samples_of_an_overfit_model(tmp_path, drop, expected):
    rows = [("10M", 1, "best", 3000, 0, "val_loss", 1.5), ("10M", 1, "last", 20000, 0, "val_loss", 2.5)]
    for sample in range(8):
        rows.append(("10M", 1, "best", 3000, sample, "words_in_corpus", 0.9 + 0.002 * sample))
        rows.append(("10M", 1, "last", 20000, sample, "words_in_corpus", 0.915 - drop - 0.001 * sample))
    names = ["size", "seed", "checkpoint", "step", "sample", "quantity", "value"]
    found = evidence(tmp_path, sample_quality=pd.DataFrame(rows, columns=names))
    arguments = {"size": "10M", "quantity": "words_in_corpus", "tolerance": 0.02}
    assert verdict("overfit_sample_is_no_worse", found, **arguments) == expected
    # A model that is not overfit has no sample to be judged by.
    row = judge("overfit_sample_is_no_worse", found, **arguments, overfit=2.0)
    assert row["verdict"] == "not tested at this scale" and "is not overfit" in row["note"]


def test_no_evidence_at_all():
    row = judge("order_parameter_rises", Evidence([]))
    assert row["verdict"] == "not tested at this scale" and "there is no metrics.csv" in row["note"]
