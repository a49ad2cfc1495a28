"""Documents checked against a JSON Schema: defaults filled in, and every fault told in a user's words."""

from __future__ import annotations

import copy
import difflib
import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from orderparam.settings.yaml_file import NonTextKey

Place = tuple[str | int, ...]
Schema = dict[str, Any]

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


@dataclass(frozen=True)
class Problem:
    """A fault at the key `place` of a document: the value found there, and what is allowed."""

    place: Place
    found: str
    allowed: str

    def __str__(self) -> str:
        return f"{format_place(self.place)}: found {self.found}; {self.allowed}"


@cache
def load_schema(name: str) -> Schema:
    """The schema workflow/schemas/<name>.schema.yaml, references resolved; one object for all callers."""
    schema = yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"))
    resolved: Schema = _resolve(schema, schema["$defs"])
    return resolved


def _resolve(node: Any, definitions: Schema) -> Any:
    """References are to `$defs` only; keywords beside a reference win over those referred to."""
    if isinstance(node, list):
        return [_resolve(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    own = {key: _resolve(value, definitions) for key, value in node.items() if key not in ("$ref", "$defs")}
    if "$ref" not in node:
        return own
    return {**_resolve(definitions[node["$ref"].removeprefix("#/$defs/")], definitions), **own}


def fill_defaults(schema: Schema, value: Any) -> Any:
    """A copy of `value` in which missing keys have the schema's defaults; wrong types stay as they are."""
    if not isinstance(value, dict):
        return copy.deepcopy(value)
    properties = schema.get("properties", {})
    defaults = {key: sub["default"] for key, sub in properties.items() if "default" in sub}
    return {key: fill_defaults(properties.get(key, {}), item) for key, item in {**defaults, **value}.items()}


def check(schema: Schema, document: dict[Any, Any]) -> tuple[list[Problem], dict[Any, Any]]:
    """Every fault of `document`, and what is left of it without the faulty values.

    In what is left each key that is present has an allowed value, and a key that is missing says
    that its value was faulty or that it has neither value nor default. Integers and booleans are told apart,
    3.0 is no integer, and numbers are finite.
    """
    import jsonschema

    base = jsonschema.Draft202012Validator
    checker = base.TYPE_CHECKER.redefine("integer", _is_integer).redefine("number", _is_number)
    strict_validator = jsonschema.validators.extend(base, type_checker=checker)  # type: ignore[no-untyped-call]
    problems, document = _drop_non_text_keys(document, ())
    emptied = {problem.place[:-1] for problem in problems}
    faulty: set[Place] = set()
    for error in strict_validator(schema).iter_errors(document):
        place = tuple(error.absolute_path)
        if error.validator == "minProperties" and place in emptied:
            faulty.add(place)  # It is empty only for want of the keys that are told already.
        else:
            problems += _explain(error)
    distinct: dict[tuple[Place, str], Problem] = {}
    for problem in problems:
        distinct.setdefault((problem.place, problem.found), problem)
    # The last items of a list go first, so that the places of the others still hold.
    for place in sorted(faulty | {place for place, _ in distinct}, key=_sort_key, reverse=True):
        _remove(document, place)
    return list(distinct.values()), document


def describe(schema: Schema) -> str:
    """What a schema allows, in words."""
    if "x-allowed" in schema:
        return str(schema["x-allowed"])
    if "anyOf" in schema:
        return " or ".join(describe(branch) for branch in schema["anyOf"])
    if "const" in schema:
        return json.dumps(schema["const"])
    kinds = schema.get("type", "object")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(_DESCRIPTIONS[kind](schema) for kind in kinds)


def format_place(place: Place) -> str:
    """A key path as users write it: sizes.10K.d_model, training.betas[1]."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = re.fullmatch(r"[\w.-]{1,80}", part)
            text += ("." if text else "") + (part if plain else show(part))
    return text


def show(value: Any) -> str:
    """A value as YAML would have it, on one line, cut at 80 characters."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, NonTextKey):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    if isinstance(value, dict):
        return f"a section ({', '.join(map(str, value))})" if value else "an empty section"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def suggest(name: str, known: list[str]) -> str:
    """The known names, and the one that was probably meant."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"{f'did you mean {close[0]}? ' if close else ''}known here: {', '.join(known) or 'none'}"


def _is_integer(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_: Any, value: Any) -> bool:
    is_number = _is_integer(_, value) or isinstance(value, float)
    return is_number and -sys.float_info.max <= value <= sys.float_info.max


def _drop_non_text_keys(value: Any, place: Place) -> tuple[list[Problem], Any]:
    if isinstance(value, list):
        problems, items = [], []
        for index, item in enumerate(value):
            found, kept = _drop_non_text_keys(item, (*place, index))
            problems += found
            items.append(kept)
        return problems, items
    if not isinstance(value, dict):
        return [], value
    problems, mapping = [], {}
    for key, item in value.items():
        if isinstance(key, str):
            found, mapping[key] = _drop_non_text_keys(item, (*place, key))
            problems += found
        else:
            name = show(key)
            allowed = f'a name must be text; write it in quotes: "{name}":'
            problems.append(
                Problem((*place, name), f"{name} as a name, which YAML reads as no text", allowed)
            )
    return problems, mapping


def _explain(error: Any) -> Iterator[Problem]:
    """The problems that one jsonschema error stands for."""
    schema, value, place = error.schema, error.instance, tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        patterns = schema.get("patternProperties", {})
        known = list(schema.get("properties", {}))
        for key in value:
            if patterns and not any(re.search(pattern, key) for pattern in patterns):
                rule = "begin with a letter or digit and go on with letters, digits and . _ -"
                allowed = f"a name must {rule}, 64 characters at most"
                yield Problem((*place, key), f"the name {show(key)}", allowed)
            elif not patterns and key not in known:
                found = f"an unknown key, with the value {show(value[key])}"
                yield Problem((*place, key), found, suggest(key, known))
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in value:
                meant = schema.get("properties", {}).get(key, {})
                yield Problem((*place, key), "no such key", f"it is required: {describe(meant)}")
    elif error.validator == "anyOf" and isinstance(value, dict):
        sections = [i for i, branch in enumerate(error.validator_value) if branch.get("type") == "object"]
        inner = [cause for cause in error.context if cause.schema_path[0] in sections]
        if inner:
            for cause in inner:
                yield from _explain(cause)
        else:
            yield Problem(place, show(value), f"must be {describe(schema)}")
    else:
        hint = ""
        if value is None and "default" in schema:
            hint = "; delete the key to have the default"
        elif error.validator == "type" and _is_unquoted_text(schema, value):
            hint = "; YAML reads it as text only in quotes"
        yield Problem(place, show(value), f"must be {describe(schema)}{hint}")


def _is_unquoted_text(schema: Schema, value: Any) -> bool:
    return "string" in schema["type"] and not isinstance(value, str | dict | list | None)


def _sort_key(place: Place) -> list[str]:
    return [f"{part:09}" if isinstance(part, int) else part for part in place]


def _remove(document: Any, place: Place) -> None:
    for part in place[:-1]:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(document, dict):
        document.pop(place[-1], None)
    elif isinstance(document, list) and isinstance(place[-1], int) and place[-1] < len(document):
        del document[place[-1]]


def _describe_number(name: str) -> Callable[[Schema], str]:
    def describe_bounds(schema: Schema) -> str:
        low, high = schema.get("minimum"), schema.get("maximum")
        above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        bounds = [
            f"{sign} {bound}"
            for sign, bound in ((">=", low), (">", above), ("<=", high), ("<", below))
            if bound is not None
        ]
        return f"{name} {' and '.join(bounds)}".strip()

    return describe_bounds


def _describe_list(schema: Schema) -> str:
    low, high = schema.get("minItems"), schema.get("maxItems")
    count = f"of {low} items" if low == high else f"of {low} or more items" if low else ""
    return f"a list {count}".strip() + f", each {describe(schema['items'])}"


def _describe_section(schema: Schema) -> str:
    if "properties" in schema:
        return f"a section with the keys {', '.join(schema['properties'])}"
    if "if" in schema:
        first, *others = (", ".join(keys) for keys in _alternatives(schema))
        return f"a section with the keys {first} (or: {'; or: '.join(others)})"
    return "a section of one or more named entries"


def _alternatives(schema: Schema) -> Iterator[list[str]]:
    """The keys of each kind that a section may be of."""
    if "if" in schema:
        for branch in ("then", "else"):
            yield from _alternatives(schema[branch])
    else:
        yield list(schema["properties"])


_DESCRIPTIONS: dict[str, Callable[[Schema], str]] = {
    "integer": _describe_number("an integer"),
    "number": _describe_number("a finite number"),
    "string": lambda schema: "text, not empty" if schema.get("minLength") else "text",
    "boolean": lambda schema: "true or false",
    "null": lambda schema: "null",
    "array": _describe_list,
    "object": _describe_section,
}
