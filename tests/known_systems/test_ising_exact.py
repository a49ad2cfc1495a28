"""Exact results against the enumeration of all states, against each other, and in their limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from enumeration import enumerate_mean_field, enumerate_states, observables_of
from hypothesis import given, settings
from hypothesis import strategies as st

from orderparam.errors import LatticeError
from orderparam.known_systems.ising.lattice import IsingModel, Lattice, MeanFieldModel
from orderparam.known_systems.ising.mean_field import mean_field_magnetization, solve_mean_field
from orderparam.known_systems.ising.potts import coexisting_energies, transition_temperature
from orderparam.known_systems.ising.square_lattice import (
    correlation_length,
    critical_temperature,
    kaufman_observables,
    onsager_energy,
    onsager_specific_heat,
    yang_magnetization,
)
from orderparam.known_systems.ising.transfer_matrix import solve_by_transfer_matrix

T_C = 2.269185314213022


@pytest.mark.parametrize("shape", [(3,), (7,), (12,), (3, 3), (3, 4), (4, 4), (5, 3)])
@pytest.mark.parametrize("field", [0.0, 0.3, -0.4])
@pytest.mark.parametrize("temperature", [0.6, 2.3])
def test_transfer_matrix_gives_what_all_states_give(shape, field, temperature):
    model = IsingModel(Lattice(shape), field)
    expected = observables_of(*enumerate_states(shape, field), model.sites, temperature)
    assert solve_by_transfer_matrix(model, temperature) == pytest.approx(expected, rel=1e-9, abs=1e-11)


def test_transfer_matrix_of_a_cube_has_the_energy_s_slope_as_its_specific_heat():
    model, step = IsingModel(Lattice((3, 3, 3)), 0.2), 1e-4
    low, middle, high = (solve_by_transfer_matrix(model, 4.0 + shift) for shift in (-step, 0, step))
    slope = (high["energy"] - low["energy"]) / (2 * step)
    assert middle["specific_heat"] == pytest.approx(slope, rel=1e-6)
    # <e> = -d (tanh K + ...); on a side of 3, where three bonds close a ring, the next term is of order K^2.
    k = 1e-3
    free = solve_by_transfer_matrix(IsingModel(Lattice((3, 3, 3))), 1 / k)
    assert free["energy"] == pytest.approx(-3 * (k + k**2), rel=1e-5)


def test_transfer_matrix_takes_any_side_for_the_longest():
    first, second = (
        solve_by_transfer_matrix(IsingModel(Lattice(shape), 0.2), 4.0) for shape in ((3, 3, 4), (3, 4, 3))
    )
    assert first == pytest.approx(second, rel=1e-10)


def test_chain_without_field_has_its_closed_form():
    n, temperature = 500, 0.7
    t = math.tanh(1 / temperature)
    chain = solve_by_transfer_matrix(IsingModel(Lattice((n,))), temperature)
    assert chain["energy"] == pytest.approx(-(t + t ** (n - 1)) / (1 + t**n), rel=1e-12)
    assert chain["magnetization"] == pytest.approx(0, abs=1e-12)
    square = (1 + t) / (1 - t) * (1 - t**n) / (1 + t**n)
    susceptibility = square / temperature - n * chain["abs_magnetization"] ** 2 / temperature
    assert chain["susceptibility"] == pytest.approx(susceptibility, rel=1e-9)


def test_long_chain_in_a_field_has_the_magnetization_of_an_infinite_one():
    temperature, field = 1.3, 0.2
    chain = solve_by_transfer_matrix(IsingModel(Lattice((400,)), field), temperature)
    sinh = math.sinh(field / temperature)
    assert chain["magnetization"] == pytest.approx(
        sinh / math.sqrt(sinh**2 + math.exp(-4 / temperature)), rel=1e-10
    )


@pytest.mark.parametrize("shape", [(3, 3), (3, 4), (4, 3), (4, 4)])
@pytest.mark.parametrize("temperature", [0.5, 1.7, T_C, 2.4, 9.0])
def test_kaufman_gives_what_all_states_give(shape, temperature):
    expected = observables_of(*enumerate_states(shape), math.prod(shape), temperature)
    energy, specific_heat = kaufman_observables(*shape, temperature)
    assert energy == pytest.approx(expected["energy"], rel=1e-11)
    assert specific_heat == pytest.approx(expected["specific_heat"], rel=1e-8)


@pytest.mark.parametrize("temperature", [1.5, critical_temperature(), 3.1])
def test_kaufman_agrees_with_the_transfer_matrix_on_a_long_strip(temperature):
    strip = solve_by_transfer_matrix(IsingModel(Lattice((5, 60))), temperature)
    for shape in ((5, 60), (60, 5)):
        energy, specific_heat = kaufman_observables(*shape, temperature)
        assert energy == pytest.approx(strip["energy"], rel=1e-11)
        assert specific_heat == pytest.approx(strip["specific_heat"], rel=1e-8)


@pytest.mark.parametrize("temperature", [1.2, 1.9, 2.1, 2.5, 4.0])
def test_kaufman_tends_to_onsager(temperature):
    energy, specific_heat = kaufman_observables(256, 256, temperature)
    assert energy == pytest.approx(float(onsager_energy(temperature)), rel=1e-10)
    assert specific_heat == pytest.approx(float(onsager_specific_heat(temperature)), rel=1e-7)


def test_kaufman_at_the_critical_temperature_grows_as_the_logarithm_of_the_side():
    # Ferdinand and Fisher: C = (2 K_c)^2 (2 / pi) ln L + 0.138150 + ..., e = -sqrt 2 (1 + 0.44 / L ...).
    heats = {side: kaufman_observables(side, side, critical_temperature())[1] for side in (64, 128, 256)}
    slope = 8 / math.pi * (1 / critical_temperature()) ** 2
    for side, heat in heats.items():
        assert heat == pytest.approx(slope * math.log(side) + 0.138150, abs=0.2 / side)
    energy, _ = kaufman_observables(512, 512, critical_temperature())
    assert energy == pytest.approx(-math.sqrt(2), abs=2e-3)


def test_onsager_at_the_critical_temperature_and_in_its_limits():
    assert critical_temperature() == pytest.approx(T_C, rel=1e-12)
    assert float(onsager_energy(T_C)) == pytest.approx(-math.sqrt(2), abs=1e-6)
    np.testing.assert_allclose(onsager_energy([0.05, 1e4]), [-2, -2e-4], rtol=1e-6)
    assert float(onsager_specific_heat(T_C * (1 + 1e-9))) > 8


@settings(max_examples=25, deadline=None)
@given(temperature=st.floats(0.4, 8).filter(lambda t: abs(t - T_C) > 0.02))
def test_onsager_specific_heat_is_the_slope_of_the_energy(temperature):
    step = 1e-5
    low, high = onsager_energy([temperature - step, temperature + step])
    assert float(onsager_specific_heat(temperature)) == pytest.approx(
        (high - low) / (2 * step), rel=1e-4, abs=1e-7
    )


def test_yang_and_the_correlation_length():
    assert float(yang_magnetization(2.0)) == pytest.approx(0.911319, abs=1e-6)
    assert yang_magnetization([2.3, 5.0]).tolist() == [0, 0]
    assert float(yang_magnetization(0.01)) == 1
    # The exponents beta = 1/8 and nu = 1.
    near = T_C * (1 - np.array([1e-5, 1e-6]))
    ratio = yang_magnetization(near)
    assert math.log10(ratio[0] / ratio[1]) == pytest.approx(1 / 8, abs=1e-4)
    assert math.log10(np.divide(*correlation_length(near)[::-1])) == pytest.approx(1, abs=1e-3)
    # For T -> 0 it is T / 4, for T -> infinity 1 / ln T.
    assert correlation_length([0.1, 1e6]) == pytest.approx([0.1 / 4, 1 / math.log(1e6)], rel=1e-5)


@pytest.mark.parametrize(("sites", "field"), [(2, 0.0), (9, 0.0), (10, -0.3)])
def test_finite_mean_field_gives_what_all_states_give(sites, field):
    expected = observables_of(*enumerate_mean_field(sites, field), sites, 1.4)
    found = solve_mean_field(MeanFieldModel(sites, field), 1.4)
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(temperature=st.floats(0.02, 5), field=st.floats(-2, 2) | st.just(0.0))
def test_mean_field_is_self_consistent(temperature, field):
    m = mean_field_magnetization(temperature, field)
    assert m == pytest.approx(math.tanh((m + field) / temperature), abs=1e-9)
    assert m * field >= 0
    if field == 0:
        assert (m > 0) == (temperature < 1)


def test_mean_field_has_the_exponent_of_one_half_and_its_binder_cumulant():
    near = [mean_field_magnetization(1 - t) for t in (1e-4, 1e-6)]
    assert near == pytest.approx([math.sqrt(3e-4), math.sqrt(3e-6)], rel=1e-3)
    # 1 - Gamma(1/4)^4 / (24 pi^2)
    limit = 1 - math.gamma(0.25) ** 4 / (24 * math.pi**2)
    assert limit == pytest.approx(0.2705, abs=1e-4)
    assert solve_mean_field(MeanFieldModel(10**6), 1.0)["binder_cumulant"] == pytest.approx(limit, abs=2e-3)


def test_large_mean_field_tends_to_self_consistency():
    for field in (0.0, 0.1):
        finite = solve_mean_field(MeanFieldModel(20000, field), 0.8)
        assert finite["abs_magnetization"] == pytest.approx(mean_field_magnetization(0.8, field), rel=1e-3)


def test_potts_has_its_known_latent_heat():
    ordered, disordered = coexisting_energies(10)
    assert transition_temperature(10) == pytest.approx(0.701232, abs=1e-6)
    assert (ordered, disordered) == pytest.approx((-1.664253, -0.968203), abs=1e-6)
    # Two states are the Ising model with J = 1/2, whose T_c is half as large.
    assert transition_temperature(2) == pytest.approx(critical_temperature() / 2)


def test_sides_of_two_and_layers_of_many_spins_are_refused():
    for shape in ((4, 2), ()):
        with pytest.raises(LatticeError, match="every side must be at least 3"):
            Lattice(shape)
    with pytest.raises(LatticeError, match="layers of 16 spins"):
        solve_by_transfer_matrix(IsingModel(Lattice((4, 4, 4))), 1.0)
