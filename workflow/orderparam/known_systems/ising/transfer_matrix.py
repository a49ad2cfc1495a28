"""The transfer matrix: exact observables of Ising models whose layers have at most ten spins.

H. A. Kramers and G. H. Wannier, Phys. Rev. 60, 252 (1941). In d = 1 a layer is one spin, so that a chain
of any length, field and couplings is solved; in d = 2 and 3 strips and bars are. The matrix's product is
carried along with its first two derivatives in 1/T, which give energy and specific heat, and over a grid
of imaginary fields, whose Fourier transform is the distribution of the magnetization.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orderparam.errors import LatticeError
from orderparam.known_systems.ising.lattice import IsingModel, check_temperature
from orderparam.known_systems.ising.observables import ExactObservables, exact_observables

Floats = NDArray[np.float64]

LARGEST_LAYER = 10


def solve_by_transfer_matrix(model: IsingModel, temperature: float) -> ExactObservables:
    """Exact observables of `model`, couplings per bond and field included, per site.

    Layers are taken across the longest side. Raises LatticeError for a temperature that is not positive and
    for layers of more than 10 spins.
    """
    check_temperature(temperature)
    beta = 1 / temperature
    exponents, down = _read_layers(model)
    slope, curvature = _differentiate(exponents, beta)
    weights = _count_down_spins(exponents, down, beta, model.sites)
    levels = 1 - 2 * np.arange(model.sites + 1) / model.sites
    return exact_observables(
        mean_energy=-slope / model.sites,
        energy_variance=curvature / model.sites**2,
        levels=levels,
        probabilities=weights / weights.sum(),
        sites=model.sites,
        temperature=temperature,
    )


def log_partition_function(model: IsingModel, temperature: float) -> float:
    """ln Z of `model`; raises LatticeError as `solve_by_transfer_matrix` does."""
    check_temperature(temperature)
    exponents, _ = _read_layers(model)
    product, scale = None, 0.0
    for exponent in exponents:
        matrix = np.exp(exponent / temperature - (largest := exponent.max() / temperature))
        product = matrix if product is None else product @ matrix
        norm = product.max()
        product, scale = product / norm, scale + largest + math.log(norm)
    assert product is not None
    return float(np.log(np.trace(product)) + scale)


def _read_layers(model: IsingModel) -> tuple[list[Floats], NDArray[np.int64]]:
    """Minus the energy (states, states) from each layer to the next, and each state's down spins."""
    lattice = model.lattice
    axis = int(np.argmax(lattice.shape))
    length = lattice.shape[axis]
    spins_per_layer = lattice.sites // length
    if spins_per_layer > LARGEST_LAYER:
        raise LatticeError(
            f"a transfer matrix for a lattice of shape {lattice.shape} has layers of {spins_per_layer} "
            f"spins; at most {LARGEST_LAYER} are feasible"
        )
    places = np.moveaxis(np.arange(lattice.sites).reshape(lattice.shape), axis, 0).reshape(length, -1)
    states = 1 - 2 * (np.arange(2**spins_per_layer)[:, None] >> np.arange(spins_per_layer) & 1)
    exponents = []
    for layer in places:
        spin_of = {int(site): spin for spin, site in enumerate(layer)}
        within = model.field * states.sum(axis=1).astype(np.float64)
        for other in (a for a in range(lattice.dimension) if a != axis):
            partners = [spin_of[int(site)] for site in lattice.neighbours[layer, 2 * other]]
            within += (states * states[:, partners]) @ model.bonds[layer, other]
        exponents.append(within[:, None] + (states * model.bonds[layer, axis]) @ states.T)
    return exponents, (states < 0).sum(axis=1)


def _differentiate(exponents: list[Floats], beta: float) -> tuple[float, float]:
    """First and second derivative of ln Z in beta."""
    # With G = minus the energy, less a constant of each layer that keeps the numbers small, a factor and
    # its derivatives are exp(beta G), G exp(beta G) and G^2 exp(beta G).
    offset = 0.0
    product: list[Floats] = []
    for exponent in exponents[:-1]:
        factors, largest = _factors(exponent, beta)
        offset += largest
        if product:
            p, f = product, factors
            product = [p[0] @ f[0], p[1] @ f[0] + p[0] @ f[1], p[2] @ f[0] + 2 * p[1] @ f[1] + p[0] @ f[2]]
        else:
            product = factors
        norm = product[0].max()
        product = [term / norm for term in product]
    last, largest = _factors(exponents[-1], beta)
    p, f = product, [factor.T for factor in last]
    z = np.sum(p[0] * f[0])
    first = np.sum(p[1] * f[0] + p[0] * f[1]) / z
    second = np.sum(p[2] * f[0] + 2 * p[1] * f[1] + p[0] * f[2]) / z
    return float(first + offset + largest), float(second - first**2)


def _factors(exponent: Floats, beta: float) -> tuple[list[Floats], float]:
    """A layer's factor and its two derivatives in beta, and the constant taken off its exponent."""
    largest = float(exponent.max())
    centred = exponent - largest
    factor = np.exp(beta * centred)
    return [factor, centred * factor, centred**2 * factor], largest


def _count_down_spins(exponents: list[Floats], down: NDArray[np.int64], beta: float, sites: int) -> Floats:
    """Weight of each number 0 ... sites of down spins, up to a common factor."""
    frequencies = np.arange((sites + 1) // 2 + 1)
    # Axes: frequency, state, state of the next layer.
    phases = np.exp(2j * math.pi / (sites + 1) * frequencies[:, None, None] * down[:, None])
    product = np.exp(beta * (exponents[0] - exponents[0].max())) * phases
    for exponent in exponents[1:-1]:
        product = product @ (np.exp(beta * (exponent - exponent.max())) * phases)
        # One scale for all frequencies; that of frequency 0 is the largest.
        product /= np.abs(product[0]).max()
    last = np.exp(beta * (exponents[-1] - exponents[-1].max())) * phases
    transform = np.sum(product * np.swapaxes(last, 1, 2), axis=(1, 2))
    weights = np.fft.irfft(transform.conj(), sites + 1)
    # Rounding leaves weights of either sign around zero.
    return np.asarray(np.clip(weights, 0, None))
