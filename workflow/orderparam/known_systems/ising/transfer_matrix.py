"""The transfer matrix: exact observables of Ising models whose layers have at most ten spins.

H. A. Kramers and G. H. Wannier, Phys. Rev. 60, 252 (1941). In d = 1 a layer is one spin, so that a chain
of any length is solved; in d = 2 and 3 strips and bars are. The matrix's product is carried along with its
first two derivatives in 1/T, which give energy and specific heat, and over a grid of imaginary fields, whose
Fourier transform is the distribution of the magnetization.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orderparam.errors import LatticeError
from orderparam.known_systems.ising.lattice import IsingModel
from orderparam.known_systems.ising.observables import exact_observables

Floats = NDArray[np.float64]

LARGEST_LAYER = 10


def solve_by_transfer_matrix(model: IsingModel, temperature: float) -> dict[str, float]:
    """Exact observables of `model`, by name, per site.

    Layers are taken across the longest side. Raises LatticeError for layers of more than 10 spins.
    """
    exponent, down = _read_layer(model)
    layers = max(model.lattice.shape)
    slope, curvature = _differentiate(exponent, layers, 1 / temperature)
    weights = _count_down_spins(exponent, layers, down, 1 / temperature, model.sites)
    return exact_observables(
        mean_energy=-slope / model.sites,
        energy_variance=curvature / model.sites**2,
        levels=1 - 2 * np.arange(model.sites + 1) / model.sites,
        probabilities=weights / weights.sum(),
        sites=model.sites,
        temperature=temperature,
    )


def _read_layer(model: IsingModel) -> tuple[Floats, NDArray[np.int64]]:
    """Minus the energy (states, states) of a layer and its bonds to the next; each state's down spins."""
    shape = model.lattice.shape
    axis = int(np.argmax(shape))
    size = model.sites // shape[axis]
    if size > LARGEST_LAYER:
        raise LatticeError(
            f"a transfer matrix for a lattice of shape {shape} has layers of {size} spins; "
            f"at most {LARGEST_LAYER} are feasible"
        )
    states = 1 - 2 * (np.arange(2**size)[:, None] >> np.arange(size) & 1)
    layer = np.take(np.arange(model.sites).reshape(shape), 0, axis).ravel()
    within = model.field * states.sum(axis=1).astype(np.float64)
    for other in (a for a in range(len(shape)) if a != axis):
        partners = np.searchsorted(layer, model.lattice.neighbours[layer, 2 * other])
        within += (states * states[:, partners]).sum(axis=1)
    return within[:, None] + states @ states.T, (states < 0).sum(axis=1)


def _differentiate(exponent: Floats, layers: int, beta: float) -> tuple[float, float]:
    """First and second derivative of ln Z in beta."""
    # With G = minus the energy, less a constant of each layer that keeps the numbers small, a factor and
    # its derivatives are exp(beta G), G exp(beta G) and G^2 exp(beta G).
    largest = float(exponent.max())
    centred = exponent - largest
    factor = np.exp(beta * centred)
    f = [factor, centred * factor, centred**2 * factor]
    p, offset = f, largest
    for _ in range(layers - 2):
        p = [term / p[0].max() for term in p]
        p = [p[0] @ f[0], p[1] @ f[0] + p[0] @ f[1], p[2] @ f[0] + 2 * p[1] @ f[1] + p[0] @ f[2]]
        offset += largest
    p, f = [term / p[0].max() for term in p], [term.T for term in f]
    z = np.sum(p[0] * f[0])
    first = np.sum(p[1] * f[0] + p[0] * f[1]) / z
    second = np.sum(p[2] * f[0] + 2 * p[1] * f[1] + p[0] * f[2]) / z
    return float(first + offset + largest), float(second - first**2)


def _count_down_spins(
    exponent: Floats, layers: int, down: NDArray[np.int64], beta: float, sites: int
) -> Floats:
    """Weight of each number 0 ... sites of down spins, up to a common factor."""
    frequencies = np.arange((sites + 1) // 2 + 1)
    # Axes: frequency, state, state of the next layer.
    phases = np.exp(2j * math.pi / (sites + 1) * frequencies[:, None, None] * down[:, None])
    factor = np.exp(beta * (exponent - exponent.max())) * phases
    product = factor
    for _ in range(layers - 2):
        product = product @ factor
        # One scale for all frequencies; that of frequency 0 is the largest.
        product /= np.abs(product[0]).max()
    transform = np.sum(product * np.swapaxes(factor, 1, 2), axis=(1, 2))
    weights = np.fft.irfft(transform.conj(), sites + 1)
    # Rounding leaves weights of either sign around zero.
    return np.asarray(np.clip(weights, 0, None))
