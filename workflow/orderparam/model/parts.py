"""The parts of a model's parameters by name: what may be frozen, and what penalised."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from torch import Tensor

from orderparam.settings.experiment import Part

Index = tuple[Any, ...]

# By the end of a parameter's name; the fused map has rows of queries, keys and values, in thirds.
_PARTS: dict[str, tuple[Part, ...]] = {
    "token_embedding.weight": ("token_embedding",),
    "position_embedding.weight": ("position_embedding",),
    "attention.qkv.weight": ("query", "key", "value"),
    "attention.projection.weight": ("output",),
    "attention.projection.bias": ("output_bias",),
}
_PREFIXES: dict[str, Part] = {"mlp.": "mlp", "head.": "head"}


def parts_of(name: str) -> tuple[Part, ...]:
    """The parts that a parameter of a GPT consists of, by its name."""
    for end, parts in _PARTS.items():
        if name.endswith(end):
            return parts
    return next(((part,) for prefix, part in _PREFIXES.items() if prefix in name), ("norm",))


def select_parts(parameters: Mapping[str, Tensor], parts: Collection[Part]) -> Iterator[tuple[str, Index]]:
    """Name and index of what `parts` have of each parameter, stacked ones too."""
    for name, parameter in parameters.items():
        own = parts_of(name)
        if all(part in parts for part in own):
            yield name, (...,)
            continue
        rows = parameter.shape[-2] // len(own) if len(own) > 1 else 0
        for place, part in enumerate(own):
            if part in parts:
                yield name, (..., slice(place * rows, (place + 1) * rows), slice(None))
