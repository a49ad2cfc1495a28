"""Check a document against a Pydantic model; report all faults at once, in a user's words.

Pydantic finds the faults. What is allowed is read off the model's JSON schema, in the words that the tables
of config/README.md have too.
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
from orderparam.settings.words import Place, join_alternatives, show, show_place, suggest
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
    """A message for each problem of a file, and the file's content as `check` returns it.

    `rules` finds faults between keys. It is given that content, and the places of the values taken out of it.
    """
    read = read_yaml(root, file)
    if read.values is None:
        return read.problems, {}
    problems, valid = check(model, read.values)
    problems += rules(valid, {problem.place for problem in problems})
    return read.problems + [f"{read.where(problem.place)}: {problem}" for problem in problems], valid


def raise_all(what: str, messages: list[str]) -> None:
    """Raise one ConfigError with all messages, if there are any."""
    if messages:
        count = f"{len(messages)} error{'s' if len(messages) > 1 else ''}"
        raise ConfigError("\n  ".join([f"{what} has {count}; nothing was run:", *messages]))


def check(model: type[BaseModel], document: dict[Any, Any]) -> tuple[list[Problem], dict[Any, Any]]:
    """All faults of `document`, and its content without the faulty values, with defaults filled in.

    Each key of that content has an allowed value. A key is missing there if its value was faulty, or if it
    has neither value nor default. If nothing is faulty, whole numbers are floats where floats are meant.
    """
    schema = schema_of(model)
    filled = _fill_defaults(schema, document)
    try:
        return [], model.model_validate(filled).model_dump(exclude_unset=True)
    except ValidationError as error:
        found = [_explain(schema, each) for each in error.errors(include_url=False)]
    problems: dict[Place, Problem] = {}
    for problem in found:
        problems.setdefault(problem.place, problem)
    # From a list's last item to its first: to remove an earlier one would shift the places of the others.
    for place in sorted(problems, key=lambda place: [str(part).zfill(9) for part in place], reverse=True):
        _remove(filled, place)
    return list(problems.values()), filled


def describe(schema: Schema) -> str:
    """What a schema allows, in words."""
    if "allowed" in schema:
        return str(schema["allowed"])
    if branches := branches_of(schema):
        first, *others = branches
        if all("properties" in branch for branch in branches):
            keys = "; or: ".join(", ".join(branch["properties"]) for branch in others)
            return f"{describe(first)} (or: {keys})"
        return " or ".join(map(describe, branches))
    if "enum" in schema:
        return join_alternatives(schema["enum"])
    if "const" in schema:
        return show(schema["const"])
    return _DESCRIPTIONS[schema.get("type", "object")](schema)


def branches_of(schema: Schema) -> list[Schema]:
    """The alternatives that a schema allows; none where it is no union."""
    branches: list[Schema] = schema.get("anyOf") or schema.get("oneOf") or []
    return branches


def _fill_defaults(schema: Schema, value: Any) -> Any:
    """A copy of `value` in which missing keys have their defaults; wrong types stay as they are."""
    if not isinstance(value, dict):
        return copy.deepcopy(value)
    keys = schema.get("properties", {})
    defaults = {key: part["default"] for key, part in keys.items() if "default" in part}
    return {key: _fill_defaults(keys.get(key, {}), item) for key, item in {**defaults, **value}.items()}


def _explain(root: Schema, error: Any) -> Problem:
    """One error of Pydantic as a problem."""
    place, schema, parent = _locate(root, error["loc"])
    kind, value = error["type"], error["input"]
    if error["loc"][-1] == "[key]" or kind == "invalid_key":
        name = str(place[-1])
        if not isinstance(value, str):
            quoted = f'a name must be text; write it in quotes: "{name}":'
            return Problem(place, f"{name} as a name, which YAML reads as no text", quoted)
        return Problem(place, f"the name {show(name)}", f"a name must {NAME_RULE}")
    if kind == "extra_forbidden":
        allowed = suggest(str(place[-1]), parent.get("properties", {}))
        return Problem(place, f"an unknown key, with the value {show(value)}", allowed)
    if kind == "missing" and isinstance(value, dict):
        return Problem(place, "no such key", f"it is required: {describe(schema)}")
    if kind == "missing":  # An item of a list that is too short.
        place, schema, _ = _locate(root, error["loc"][:-1])
    hint = ""
    if value is None and "default" in schema:
        hint = "; delete the key to have the default"
    elif kind == "string_type" and not isinstance(value, str | dict | list | None):
        hint = "; YAML reads it as text only in quotes"
    return Problem(place, show(value), f"must be {describe(schema)}{hint}")


def _locate(schema: Schema, location: tuple[str | int, ...]) -> tuple[Place, Schema, Schema]:
    """The place that an error's location stands for, the schema there, and that of the section around it.

    The location also names the branches of unions, a section's by its title, and may end in "[key]".
    """
    place: Place = ()
    parent = schema
    for part in location:
        if branches := branches_of(schema):
            schema = next((branch for branch in branches if branch.get("title") == part), schema)
        elif part != "[key]":
            parent, schema = schema, _part_of(schema, part)
            place = (*place, part if parent.get("type") == "array" else str(part))
    return place, schema, parent


def _part_of(schema: Schema, part: str | int) -> Schema:
    """The schema of a section's key or of a list's item; an empty one for an unknown key."""
    if schema.get("type") == "array":
        return item_of(schema)
    entries = list(schema.get("patternProperties", {}).values())
    found: Schema = schema.get("properties", {}).get(part, entries[0] if entries else {})
    return found


def item_of(schema: Schema) -> Schema:
    """The schema of the items of a list."""
    item: Schema = schema["items"] if "items" in schema else schema["prefixItems"][0]
    return item


def _remove(document: Any, place: Place) -> None:
    for part in place[:-1]:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return
    last = place[-1]
    if isinstance(document, dict):
        for key in [
            key for key in document if key == last or (not isinstance(key, str) and repr(key) == last)
        ]:
            del document[key]
    elif isinstance(document, list) and isinstance(last, int) and last < len(document):
        del document[last]


def _describe_number(name: str) -> Callable[[Schema], str]:
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}

    def describe_bounds(schema: Schema) -> str:
        bounds = [f"{sign} {schema[key]}" for key, sign in signs.items() if key in schema]
        return f"{name} {' and '.join(bounds)}".strip()

    return describe_bounds


def _describe_list(schema: Schema) -> str:
    low, high = schema.get("minItems"), schema.get("maxItems")
    count = f"of {low} items" if low == high else f"of {low} or more items" if low else ""
    return f"a list {count}".strip() + f", each {describe(item_of(schema))}"


def _describe_section(schema: Schema) -> str:
    if "properties" in schema:
        return f"a section with the keys {', '.join(schema['properties'])}"
    return "a section of one or more named entries"


_DESCRIPTIONS: dict[str, Callable[[Schema], str]] = {
    "integer": _describe_number("an integer"),
    "number": _describe_number("a finite number"),
    "string": lambda schema: "text, not empty" if schema.get("minLength") else "text",
    "boolean": lambda schema: "true or false",
    "null": lambda schema: "null",
    "array": _describe_list,
    "object": _describe_section,
}
