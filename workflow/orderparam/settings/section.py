"""What the models of all files of config/ share: strict sections, and types of their values."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
from collections.abc import Callable, Collection, Iterator
from typing import Annotated, Any, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from orderparam.settings.check import NAME_PATTERN, Problem
from orderparam.settings.key import Allowed


class Section(BaseModel):
    """A section of a file: no other keys, 3.0 is no integer, true is no number, numbers are finite.

    The text below a key is its meaning in config/README.md.
    """

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


T = TypeVar("T", bound=Section)

# For a key that may be left out and has no default; for a section that consists of its keys' defaults.
OPTIONAL: Any = Field(default_factory=lambda: None)
DEFAULTS: Any = Field(default={})


def with_keys_of(*kinds: type, optional: Collection[str] = ()) -> Callable[[type[T]], type[T]]:
    """Give a section the keys of dataclasses; those in `optional` may be left out, without a default."""

    def add_keys(section: type[T]) -> type[T]:
        added: dict[str, Any] = {}
        for kind in kinds:
            hints, meanings = get_type_hints(kind, include_extras=True), _meanings(kind)
            for key in dataclasses.fields(kind):
                default = ... if key.default is dataclasses.MISSING else key.default
                field = OPTIONAL if key.name in optional else Field(default)
                added[key.name] = (Annotated[hints[key.name], Field(description=meanings[key.name])], field)
        return create_model(section.__name__, __base__=section, __doc__=section.__doc__, **added)

    return add_keys


def keys_of(*kinds: type) -> list[str]:
    """The names of the keys of dataclasses."""
    return [key.name for kind in kinds for key in dataclasses.fields(kind)]


def _meanings(kind: type) -> dict[str, str]:
    """The text below each field of a class."""
    (tree,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(tree, ast.ClassDef)
    return {
        field.target.id: " ".join(str(text.value.value).split())
        for field, text in itertools.pairwise(tree.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Text = Annotated[str, Field(min_length=1)]
ExperimentName = Annotated[str, Allowed(pattern="^[a-z][a-z0-9_-]{0,63}$", words="an experiment's name")]


def check_case(section: str, document: dict[Any, Any]) -> Iterator[Problem]:
    """Names become folders, and some file systems do not tell upper from lower case."""
    first: dict[str, str] = {}
    for name in document.get(section, {}):
        other = first.setdefault(name.lower(), name)
        if other != name:
            allowed = f"it differs from {other} in case only; rename one of them"
            yield Problem((section, name), f"the name {name}", allowed)
