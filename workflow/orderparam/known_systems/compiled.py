"""Compilation of inner loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """`function` compiled by numba at its first call with each kind of arguments; its type stays.

    Each process compiles anew, for a second or two: numba's cache would lie in the source folders.
    """
    return cast(Function, njit(function))
