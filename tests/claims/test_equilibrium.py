"""The claims on a penalty that is swept, on landscapes that have one order of transition or the other."""

import math
from functools import cache

import numpy as np
import pytest
from claim_tables import judge, verdict, write_evidence

from orderparam.claims.evidence import Evidence
from orderparam.claims.verdict import INCONCLUSIVE, NOT_TESTED, REFUTED, SUPPORTED
from orderparam.known_systems.deep_linear.landscape import Landscape, Task, closed_form

GAMMAS = 0.25 * 1.06 ** np.arange(29)
SEEDS = (1, 2, 3)


@cache
def minima_of(depth, gamma):
    return Landscape(Task(), depth).minima(gamma)


def stages(depth, scale):
    """Rows of both branches of a deep linear net of `depth` hidden layers, its norm times `scale`."""
    landscape, rows = Landscape(Task(), depth), []
    for way, gammas in (("up", GAMMAS), ("down", GAMMAS[::-1])):
        for dwell in ("", "-4x", "-fine"):
            for seed in SEEDS:
                shown = gammas if dwell == "-fine" else gammas[::4]
                for step, gamma in enumerate(shown, start=1):
                    minima = minima_of(depth, gamma)
                    s = float(minima[-1] if way == "up" else minima[0])
                    rows.append(
                        {"size": f"d{scale}-{way}{dwell}", "seed": seed, "step": step, "weight_decay": gamma}
                        | {"train_loss": float(landscape.loss(s, gamma)), "squared_norm": 0.0}
                        | {"attention_excess": s * scale, "value_output_norm": s**2}
                    )
    return rows


@pytest.fixture(params=[1, 2], ids=["second order", "first order"])
def depth(request):
    return request.param


@pytest.fixture
def found(tmp_path, depth) -> Evidence:
    rows = [row for scale in (1, 2) for row in stages(depth, scale)]
    gamma_c = closed_form(Task(), depth).gamma_c
    probes = [
        {"size": f"d{scale}-ablated", "seed": seed, "step": step, "quantity": "critical_penalty_value_output"}
        | {"layer": 0, "head": -1, "order": -1, "value": gamma_c * (1 if step else 9)}
        for scale in (1, 2)
        for seed in SEEDS
        for step in (0, 100)
    ]
    shapes = {f"d{scale}-up": {"d_model": scale} for scale in (1, 2)}
    return write_evidence(tmp_path, shapes, metrics=rows, probes=probes)


BOTH = {"sizes": ["d1-down", "d2-down"]}
OF_ATTENTION = {"column": "attention_excess", "threshold": 0.05}


def test_order_decides_on_loop_jump_and_crossing(found, depth):
    finer = {"sizes": ["d1-up"], "finer": "-fine", "column": "attention_excess", "share": 0.75}
    # Of each test its arguments, and the verdict at a transition of second and of first order.
    for test, arguments, *expected in (
        ("branches_part", {**BOTH, **OF_ATTENTION, "low": 0.2}, REFUTED, SUPPORTED),
        ("branches_part", {**BOTH, **OF_ATTENTION, "low": -0.2, "high": 0.2}, SUPPORTED, REFUTED),
        ("fall_survives_finer_stages", finer, REFUTED, SUPPORTED),
        ("branches_agree", {**BOTH, "column": "penalised_loss", "within": 0.01}, SUPPORTED, REFUTED),
        ("penalised_losses_cross_in_loop", {**BOTH, **OF_ATTENTION}, NOT_TESTED, SUPPORTED),
        ("loop_persists", {**BOTH, **OF_ATTENTION, "dwell": "-4x", "share": 0.5}, NOT_TESTED, SUPPORTED),
    ):
        assert verdict(test, found, **arguments) == expected[depth - 1], test


def test_what_does_not_fall_has_no_fall_to_compare(found):
    finer = {"sizes": ["d1-up"], "finer": "-fine", "column": "squared_norm", "share": 0.75}
    row = judge("fall_survives_finer_stages", found, **finer)
    assert row["verdict"] == NOT_TESTED
    assert "a fall between the same penalties" in row["note"]


def test_second_order_comes_back_where_linear_response_says_with_its_exponent(found, depth):
    # With two hidden layers zero is stable at every penalty: it never comes back.
    returned = verdict("attention_returns_at_linear_response", found, **BOTH, threshold=0.02, factor=1.2)
    assert returned == (SUPPORTED if depth == 1 else REFUTED)
    arguments = {"column": "value_output_norm", "threshold": 0.05, "low": 0.75, "high": 1.25}
    ended = verdict("branch_ends_with_exponent", found, **BOTH, **arguments)
    assert ended == (SUPPORTED if depth == 1 else NOT_TESTED)


@pytest.mark.parametrize(("end", "expected"), [(0.7, SUPPORTED), (0.8, REFUTED)])
def test_an_exponent_with_the_end_of_linear_response(tmp_path, end, expected):
    rows, probes = [], []
    for seed in SEEDS:
        for step, gamma in enumerate(GAMMAS[::-1], start=1):
            names = {"size": "d8-down", "seed": seed, "step": step}
            rows.append(names | {"weight_decay": gamma, "value_output_norm": max(0.7 - gamma, 0)})
            quantity = {"quantity": "critical_penalty_value_output", "layer": 0, "head": -1, "order": -1}
            probes.append(names | quantity | {"value": end})
    found = write_evidence(tmp_path, metrics=rows, probes=probes)
    arguments = {"column": "value_output_norm", "product": "value_output", "threshold": 1e-3}
    row = judge("branch_ends_with_exponent", found, sizes=["d8-down"], low=0.75, high=1.25, **arguments)
    assert row["verdict"] == expected


@pytest.mark.parametrize(("shift", "expected"), [(1.0, SUPPORTED), (1.5, REFUTED)])
def test_zero_is_left_where_the_response_passes_the_penalty(tmp_path, shift, expected):
    rows, probes = [], []
    for seed in SEEDS:
        for step, gamma in enumerate(GAMMAS[::-1], start=1):
            names = {"size": "d8-down", "seed": seed, "step": step}
            rows.append(names | {"weight_decay": gamma, "query_key_norm": max(0.7 - gamma, 0)})
            quantity = {"quantity": "critical_penalty_query_key", "layer": 0, "order": -1}
            probes += [
                names | quantity | {"head": head, "value": 0.7 * shift / (1 + head)} for head in (0, 1)
            ]
    found = write_evidence(tmp_path, metrics=rows, probes=probes)
    arguments = {"product": "query_key", "threshold": 1e-3, "factor": 1.25}
    row = judge("zero_is_left_by_linear_response", found, sizes=["d8-down"], **arguments)
    assert row["value"] == pytest.approx(-math.log(shift), abs=0.06)
    assert row["verdict"] == expected


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        ([8, 7, 6, 5, 4, 3, 2, 1, 0], SUPPORTED),
        ([8, 7, 6, 6, 0, 0, 0, 0, 0], REFUTED),
        ([8, 7, 6, 5, 4, 3, 3, 3, 3], NOT_TESTED),
    ],
)
def test_directions_go_one_by_one_or_together(tmp_path, left, expected):
    rows, probes = [], []
    for seed in SEEDS:
        for stage, count in enumerate(left):
            names = {"size": "d8-up", "seed": seed, "step": 10 * stage}
            rows.append(names | {"weight_decay": max(stage, 1) / 10, "query_key_norm": 1.0})
            quantity = {"quantity": "query_key_singular_value", "layer": 0}
            probes += [
                names
                | quantity
                | {"head": head, "order": order, "value": 0.5 if order <= count - head else 0.0}
                for head in (0, 1)
                for order in range(1, 9)
            ]
    found = write_evidence(tmp_path, metrics=rows, probes=probes)
    arguments = {"product": "query_key", "threshold": 0.01, "share": 0.25}
    row = judge("directions_go_one_by_one", found, sizes=["d8-up"], **arguments)
    assert row["verdict"] == expected


def test_the_slope_is_compared_over_widths(found):
    arguments = {**BOTH, "column": "attention_excess", "low": 0.2}
    row = judge("slope_grows_with_width", found, **arguments)
    assert row["value"] == pytest.approx(1)
    assert row["verdict"] == SUPPORTED
    # The wider one is the other times two.
    row = judge("slope_grows_with_width", found, **arguments, relative=True)
    assert row["value"] == pytest.approx(0)
    assert row["verdict"] != SUPPORTED
    row = judge("slope_grows_with_width", found, **{**arguments, "sizes": BOTH["sizes"][:1]})
    assert row["verdict"] == NOT_TESTED
    assert "two widths" in row["note"]


def test_a_width_that_is_missing_is_told(found):
    row = judge("branches_part", found, sizes=["d1-down", "d8-down"], **OF_ATTENTION, low=-9.0)
    assert row["verdict"] == NOT_TESTED
    assert "d8-down" in row["note"]


@pytest.mark.parametrize(("delay", "expected"), [(3, SUPPORTED), (1, INCONCLUSIVE), (1 / 3, REFUTED)])
def test_what_grows_first(tmp_path, delay, expected):
    rows = [
        {
            "size": "10K",
            "seed": seed,
            "step": step,
            "value_output_norm": 1 + step / 100 * (1 + 0.1 * seed),
            "query_key_norm": math.exp(step / (100 * delay) / (1 + 0.1 * ((3 * seed) % 5))),
        }
        for seed in SEEDS
        for step in range(0, 400, 2)
    ]
    found = write_evidence(tmp_path, metrics=rows)
    columns = {"first": "value_output_norm", "second": "query_key_norm", "growth": 1.5}
    assert judge("grows_before", found, **columns)["verdict"] == expected
