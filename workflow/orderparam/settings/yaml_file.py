"""Strict reading of a YAML file: one mapping, no key twice, numbers and booleans as in YAML 1.2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from orderparam.errors import ConfigError


class YamlFileError(ConfigError):
    """A file cannot be read as one mapping; `problems` has a line for each reason.

    `mapping` is what less strict readers see where repeated keys are the only faults, else None.
    """

    def __init__(self, path: Path, problems: list[str], mapping: dict[Any, Any] | None = None) -> None:
        super().__init__("\n".join(f"{path}: {problem}" for problem in problems))
        self.problems = problems
        self.mapping = mapping


@dataclass(frozen=True)
class NonTextKey:
    """A key that YAML reads as a number, a boolean or null; `text` is what the file has."""

    text: str

    def __str__(self) -> str:
        return self.text or "null"


class _Loader(yaml.SafeLoader):
    """SafeLoader with the YAML 1.2 core schema: 3e-4 is a float, 010 is ten, yes and 1:30 are text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        if isinstance(node, yaml.MappingNode):
            self.flatten_mapping(node)
            node.value = [(_mark_non_text(key), value) for key, value in node.value]
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


_LOOP = "the anchor contains itself; write the value out"
_NON_TEXT_KEY = "!non-text-key"


def _mark_non_text(key: yaml.Node) -> yaml.Node:
    """A new node, as an alias may have `key` as a value elsewhere."""
    kind = key.tag.removeprefix("tag:yaml.org,2002:")
    if not isinstance(key, yaml.ScalarNode) or kind not in ("int", "float", "bool", "null"):
        return key
    return yaml.ScalarNode(_NON_TEXT_KEY, key.value, key.start_mark, key.end_mark)


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def _construct_integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _refuse(loader: yaml.SafeLoader, node: yaml.Node) -> None:
    problem = f"the tag {node.tag} is not supported"
    raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_integer)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _refuse)
_Loader.add_constructor(_NON_TEXT_KEY, lambda loader, node: NonTextKey(node.value))


def read_yaml(path: Path) -> dict[Any, Any]:
    """The one mapping that the UTF-8 file at `path` holds; keys that are no text are each a NonTextKey.

    Raises YamlFileError with the line of every repeated key, or of the first fault in the syntax.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise YamlFileError(path, [f"cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise YamlFileError(path, [f"line {line}: not UTF-8 text; save the file as UTF-8"]) from None
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if not isinstance(node, yaml.MappingNode):
                raise YamlFileError(path, [_found_instead(node)])
            problems = _find_repeated_keys(node, "", ())
            if any(problem.endswith(_LOOP) for problem in problems):
                raise YamlFileError(path, problems)
            try:
                mapping: dict[Any, Any] = loader.construct_document(node)
            except (yaml.MarkedYAMLError, ValueError) as error:
                raise YamlFileError(path, [*problems, _explain(error)]) from None
            if problems:
                raise YamlFileError(path, problems, mapping)
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"line {line}: the character {chr(int(error.character))!a} is not allowed in YAML"
        raise YamlFileError(path, [problem]) from None
    except (yaml.MarkedYAMLError, ValueError) as error:
        raise YamlFileError(path, [_explain(error)]) from None
    return mapping


def _found_instead(node: yaml.Node | None) -> str:
    if node is None or node.tag.endswith(":null"):
        return "the file is empty; it must hold keys with values"
    kind = "a list" if isinstance(node, yaml.SequenceNode) else f"the single value {node.value!r}"
    return f"line {node.start_mark.line + 1}: found {kind}; the file must hold keys with values (key: value)"


def _find_repeated_keys(node: yaml.Node, place: str, above: tuple[yaml.Node, ...]) -> list[str]:
    """Every key that a mapping in or below `node` has twice; also an anchor that contains itself."""
    if any(node is other for other in above):
        return [f"line {node.start_mark.line + 1}: {place}: {_LOOP}"]
    problems = []
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            problems += _find_repeated_keys(item, f"{place}[{index}]", (*above, node))
    if isinstance(node, yaml.MappingNode):
        first_lines: dict[tuple[str, str], int] = {}
        for key, value in node.value:
            line, name = key.start_mark.line + 1, str(key.value)
            key_place = f"{place}.{name}" if place else name
            if isinstance(key, yaml.ScalarNode):
                first = first_lines.get((key.tag, name))
                first_lines[key.tag, name] = line
                if first is not None:
                    problems.append(
                        f"line {line}: {key_place}: the key is already in line {first}; keep one of them"
                    )
            problems += _find_repeated_keys(value, key_place, (*above, node))
    return problems


def _explain(error: yaml.MarkedYAMLError | ValueError) -> str:
    if not isinstance(error, yaml.MarkedYAMLError):
        return f"not valid YAML: {error}"
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    context = f"{error.context}, " if error.context else ""
    hint = "; indent with spaces, not tabs" if "'\\t'" in str(error.problem) else ""
    return f"{place}not valid YAML: {context}{error.problem}{hint}"
