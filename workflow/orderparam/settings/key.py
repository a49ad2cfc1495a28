"""What a value may be, as metadata of its type. Needs the standard library only.

Pydantic, where it is installed, reads the bounds by the two methods of `Allowed` that have its name. A
machine that only trains has no Pydantic; there the metadata does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Earlier:
    """The value that was in effect before there was this key: recorded runs of that time lack it."""

    value: Any


@dataclass(frozen=True)
class Allowed:
    """Bounds of a number (>=, >, <=, <), or the regular expression of a text and what it allows, in words.

    A tuple is not `strict`, so that the list of a YAML file may stand for it.
    """

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    pattern: str | None = None
    strict: bool | None = None
    words: str | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """The schema of the type as Pydantic has it, with these constraints."""
        given = {name: value for name, value in vars(self).items() if value is not None and name != "words"}
        return {**handler(source), **given}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        """The JSON schema of the type, with the words for what is allowed."""
        return {**handler(schema), **({"allowed": self.words} if self.words else {})}
