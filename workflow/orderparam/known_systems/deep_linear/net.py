"""The net itself: matrices, the exact gradient of its expected loss, and gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparam.known_systems.deep_linear.landscape import Task

Matrix = NDArray[np.float64]
Weights = list[Matrix]


def make_weights(depth: int, width: int, scale: float, rng: np.random.Generator) -> Weights:
    """`depth` hidden layers of `width` units and one output on `width` inputs, entries N(0, scale^2)."""
    shapes = [(width, width)] * depth + [(1, width)]
    return [rng.normal(0.0, scale, shape) for shape in shapes]


def expected_loss(weights: Sequence[Matrix], task: Task, gamma: float) -> float:
    """E(f - y)^2 + gamma times the sum of squared Frobenius norms; E[x y] points along the first input."""
    product = _products(weights)[-1]
    error = task.a * np.sum(product**2) - 2 * task.c * product[0, 0] + task.y_variance
    return float(error + gamma * sum(np.sum(matrix**2) for matrix in weights))


def gradient(weights: Sequence[Matrix], task: Task, gamma: float) -> Weights:
    """The exact gradient of `expected_loss` by each matrix, in its shape."""
    before = _products(weights)
    # Derivative of the error by the product of all matrices, carried back through them.
    back = 2 * task.a * before[-1]
    back[0, 0] -= 2 * task.c
    gradients = []
    for matrix, below in zip(reversed(weights), reversed(before[:-1]), strict=True):
        gradients.append(back @ below.T + 2 * gamma * matrix)
        back = matrix.T @ back
    return gradients[::-1]


def _products(weights: Sequence[Matrix]) -> Weights:
    products = [np.eye(weights[0].shape[1])]
    for matrix in weights:
        products.append(matrix @ products[-1])
    return products


@dataclass(frozen=True)
class Descent:
    """Weights at the end of a descent, the number of its steps, and whether it converged."""

    weights: Weights
    steps: int
    converged: bool


def descend(
    weights: Sequence[Matrix],
    task: Task,
    gamma: float,
    learning_rate: float = 0.03,
    tolerance: float = 1e-6,
    max_steps: int = 20_000,
) -> Descent:
    """Gradient descent until the gradient's norm, over all matrices, falls below `tolerance`."""
    current = [matrix.copy() for matrix in weights]
    for step in range(max_steps):
        gradients = gradient(current, task, gamma)
        if sum(float(np.sum(g * g)) for g in gradients) < tolerance**2:
            return Descent(current, step, True)
        for matrix, g in zip(current, gradients, strict=True):
            matrix -= learning_rate * g
    return Descent(current, max_steps, False)
