"""A document checked against a Pydantic model, every fault told in a user's words, all of them at once.

Pydantic finds the faults; the model's JSON schema says what is allowed there, in the tables of
config/README.md too.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from orderparam.errors import ConfigError
from orderparam.settings.words import Place, closest, join_alternatives, show, show_place, suggest
from orderparam.settings.yaml_file import read_yaml

Schema = dict[str, Any]

NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
NAME_RULE = "begin with a letter or digit and go on with letters, digits and . _ -, 64 characters at most"


@dataclass(frozen=True)
class Problem:
    """A fault at the key `place` of a document: the value found there, and what is allowed."""

    place: Place
    found: str
    allowed: str

    def __str__(self) -> str:
        return f"{show_place(self.place)}: found {self.found}; {self.allowed}"


_SIGNS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


class _Untitled(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


@cache
def schema_of(model: type[BaseModel]) -> Schema:
    """The model's JSON schema, references resolved; one object for all callers."""
    schema = model.model_json_schema(schema_generator=_Untitled)
    resolved: Schema = _resolve(schema, schema.pop("$defs", {}))
    return resolved


def _resolve(node: Any, definitions: Schema) -> Any:
    if isinstance(node, list):
        return [_resolve(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    own = {key: _resolve(value, definitions) for key, value in node.items() if key != "$ref"}
    if "$ref" not in node:
        return own
    return {**_resolve(definitions[node["$ref"].removeprefix("#/$defs/")], definitions), **own}


def check_file(
    root: Path,
    file: str,
    model: type[BaseModel],
    rules: Callable[[dict[Any, Any], Collection[Place]], Iterable[Problem]] = lambda valid, faulty: (),
) -> tuple[list[str], dict[Any, Any]]:
    """A message for each problem of a file, and what it says, as `check` has it.

    `rules` finds faults between keys in what is left of a document without the `faulty` places.
    """
    read = read_yaml(root, file)
    if read.values is None:
        return read.problems, {}
    problems, valid = check(model, read.values)
    problems += rules(valid, {problem.place for problem in problems})
    return read.problems + [f"{read.where(problem.place)}: {problem}" for problem in problems], valid


def raise_all(what: str, messages: list[str]) -> None:
    """Raise ConfigError if there are messages, with all of them."""
    if messages:
        count = f"{len(messages)} error{'s' if len(messages) > 1 else ''}"
        raise ConfigError("\n  ".join([f"{what} has {count}; nothing was run:", *messages]))


def check(model: type[BaseModel], document: dict[Any, Any]) -> tuple[list[Problem], dict[Any, Any]]:
    """Every fault of `document`, and what is left of it, defaults filled in, without the faulty values.

    In what is left each key that is present has an allowed value, and a key that is missing says that its
    value was faulty or that it has neither value nor default. Where there is no fault, whole numbers are
    floats where a float is meant.
    """
    schema = schema_of(model)
    try:
        filled = _fill_defaults(schema, document)
        return [], model.model_validate(filled).model_dump(exclude_unset=True)
    except RecursionError:
        return [Problem((), "values in very many levels", "write them flat")], {}
    except ValidationError as error:
        found = [_explain(schema, each) for each in error.errors(include_url=False)]
    # A value that is wrong for each branch of a union has an error for each: the first is told.
    problems: dict[Place, Problem] = {}
    for problem in found:
        problems.setdefault(problem.place, problem)
    return list(problems.values()), _without(filled, problems)


def describe(schema: Schema) -> str:
    """What a schema allows, in words."""
    if "allowed" in schema:
        return str(schema["allowed"])
    if branches := branches_of(schema):
        if all("properties" in branch for branch in branches):
            others = "; or: ".join(", ".join(branch["properties"]) for branch in branches[1:])
            return f"{describe(branches[0])} (or: {others})"
        return " or ".join(map(describe, branches))
    if "enum" in schema:
        return join_alternatives(schema["enum"])
    if "const" in schema:
        return show(schema["const"])
    kind = schema.get("type", "object")
    if kind in ("integer", "number"):
        bounds = [f"{sign} {schema[key]}" for key, sign in _SIGNS.items() if key in schema]
        return f"{'an integer' if kind == 'integer' else 'a finite number'} {' and '.join(bounds)}".strip()
    if kind == "array":
        low, high = schema.get("minItems"), schema.get("maxItems")
        count = f" of {low} items" if low == high else f" of {low} or more items" if low else ""
        return f"a list{count}, each {describe(item_of(schema))}"
    if "properties" in schema:
        return f"a section with the keys {', '.join(schema['properties'])}"
    plain = {"boolean": "true or false", "null": "null", "object": "a section of one or more named entries"}
    return plain.get(kind, "text, not empty" if schema.get("minLength") else "text")


def branches_of(schema: Schema) -> list[Schema]:
    """The alternatives that a schema allows; none where it is no union."""
    branches: list[Schema] = schema.get("anyOf") or schema.get("oneOf") or []
    return branches


def item_of(schema: Schema) -> Schema:
    """The schema of the items of a list."""
    item: Schema = schema["items"] if "items" in schema else schema["prefixItems"][0]
    return item


def _fill_defaults(schema: Schema, value: Any) -> Any:
    """A copy of `value` in which missing keys have their defaults; wrong types stay as they are."""
    if not isinstance(value, dict):
        return copy.deepcopy(value)
    keys = schema.get("properties", {})
    defaults = {key: part["default"] for key, part in keys.items() if "default" in part}
    return {key: _fill_defaults(keys.get(key, {}), item) for key, item in {**defaults, **value}.items()}


def _without(value: Any, faulty: Collection[Place], place: Place = ()) -> Any:
    """A copy of `value`, which is at `place`, without what is at the faulty places."""
    if isinstance(value, dict):
        # A name that is no text is always faulty.
        inner = {key: (*place, key) for key in value if isinstance(key, str)}
        return {key: _without(value[key], faulty, inner[key]) for key in inner if inner[key] not in faulty}
    if isinstance(value, list):
        items = [(item, (*place, index)) for index, item in enumerate(value)]
        return [_without(item, faulty, inner) for item, inner in items if inner not in faulty]
    return value


def _explain(root: Schema, error: Any) -> Problem:
    """One error of Pydantic as a problem."""
    place, schema, parent = _locate(root, error["loc"])
    kind, value = error["type"], error["input"]
    if error["loc"][-1] == "[key]" or kind == "invalid_key":
        if isinstance(value, str):
            return Problem(place, f"the name {show(value)}", f"a name must {NAME_RULE}")
        # Pydantic's place has 0 for False.
        quoted = f'a name must be text; write it in quotes: "{value}":'
        return Problem((*place[:-1], str(value)), f"{value} as a name, which YAML reads as no text", quoted)
    if kind == "extra_forbidden":
        known = suggest(str(place[-1]), parent.get("properties", {}))
        return Problem(place, f"an unknown key, with the value {show(value)}", known)
    if kind == "missing" and isinstance(value, dict):
        return Problem(place, "no such key", f"it is required: {describe(schema)}")
    if kind == "missing":  # An item of a list that is too short.
        place, schema = place[:-1], parent
    hint = ""
    if value is None and "default" in schema:
        hint = "; delete the key to have the default"
    elif kind == "string_type" and not isinstance(value, str | dict | list | None):
        hint = "; YAML reads it as text only in quotes"
    elif close := closest(value, schema.get("enum", ())):
        hint = f"; did you mean {close}?"
    return Problem(place, show(value), f"must be {describe(schema)}{hint}")


def _locate(schema: Schema, location: tuple[str | int, ...]) -> tuple[Place, Schema, Schema]:
    """The place that an error's location stands for, the schema there, and that of what is around it.

    The location also names the branches of unions, a section's by its title, and may end in "[key]".
    """
    place: Place = ()
    parent = schema
    for part in location:
        if branches := branches_of(schema):
            schema = next((branch for branch in branches if branch.get("title") == part), schema)
        elif schema.get("type") == "array":
            parent, schema, place = schema, item_of(schema), (*place, part)
        elif part != "[key]":
            entries = [*schema.get("patternProperties", {}).values(), {}]
            parent, schema = schema, schema.get("properties", {}).get(part, entries[0])
            place = (*place, str(part))
    return place, schema, parent
