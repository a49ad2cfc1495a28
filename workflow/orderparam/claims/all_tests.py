"""All tests of claims: importing their modules registers them."""

from orderparam.claims import (  # noqa: F401
    attention,
    controls,
    dynamics,
    equilibrium,
    known_systems,
    learning,
    monotonicity,
    plateau,
    published,
    transition,
)
from orderparam.claims.registry import TESTS

__all__ = ["TESTS"]
