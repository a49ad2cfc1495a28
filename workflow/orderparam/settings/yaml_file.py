"""Strict reading of a YAML file: one mapping, no key twice, plain values as YAML 1.2's core schema has them.

So 3e-4 is a float, 010 is ten, and yes, 1:30 and 20_000 are text. Each value's line is kept for messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.tag import Tag

from orderparam.settings.words import Place, show_path, show_place

_TAG = "tag:yaml.org,2002:"
_PLAIN = {
    "bool": r"true|True|TRUE|false|False|FALSE",
    "null": r"~|null|Null|NULL|",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "float": r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    "merge": r"<<",
}


@dataclass
class YamlFile:
    """What a file holds: `values`, None if it cannot be read as one mapping, and the line of each place.

    `problems` are faults of the file as such, a key twice among them, each as "<file>:<line>: <fault>".
    """

    name: str
    values: dict[Any, Any] | None = None
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def where(self, place: Place = ()) -> str:
        """The file and the line of a place, or of the innermost section around it that the file has."""
        while place and place not in self.lines:
            place = place[:-1]
        return f"{self.name}:{self.lines[place]}" if place in self.lines else self.name


@dataclass(frozen=True)
class NonTextKey:
    """A key that YAML reads as a number, a boolean or null; `text` is what the file has."""

    text: str

    def __repr__(self) -> str:
        return self.text or "null"


def read_yaml(root: Path, file: str) -> YamlFile:
    """Read the UTF-8 file `file` below the folder `root`; keys that are no text are each a NonTextKey.

    Raises nothing: whatever is wrong is among `problems`.
    """
    found = YamlFile(show_path(file))
    parser = YAML(typ="safe", pure=True)
    parser.Resolver = _CoreSchema
    text = ""
    try:
        text = (root / file).read_bytes().decode("utf-8-sig")
        node = parser.compose(text)
        if isinstance(node, MappingNode):
            found.values = _Reader(found).mapping(node, (), ())
        else:
            found.problems.append(_found_instead(found.name, node))
    except OSError as error:
        found.problems.append(f"{found.name}: cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        found.problems.append(f"{found.name}:{line}: not UTF-8 text; save the file as UTF-8")
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = f"{chr(error.character)!a}"
        found.problems.append(f"{found.name}:{line}: the character {character} is not allowed in YAML")
    except _LoopError as error:
        found.problems.append(str(error))
    except YAMLError as error:
        found.problems.append(_explain(found.name, error))
    return found


class _LoopError(Exception):
    """An anchor contains itself, so that its value has no end."""


class _CoreSchema(VersionedResolver):
    """The tags of plain values; ruamel.yaml's own rules also read 20_000 as a number."""

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> Any:
        """The tag of a node that has none in the file, as ruamel.yaml asks for it."""
        if kind is ScalarNode and implicit[0]:
            name = next((name for name, pattern in _PLAIN.items() if re.fullmatch(pattern, value)), "str")
            return Tag(suffix=_TAG + name)
        return super().resolve(kind, value, (False, False))


class _Reader:
    """Plain values from the nodes of one file, with their lines and the faults met on the way."""

    def __init__(self, file: YamlFile) -> None:
        self.file = file

    def _value(self, node: Node, place: Place, above: tuple[Node, ...]) -> Any:
        if any(node is other for other in above):
            loop = "the anchor contains itself; write the value out"
            raise _LoopError(f"{self.file.name}:{_line(node)}: {show_place(place)}: {loop}")
        if _kind(node) not in ("map", "seq", *_SCALARS):
            self._add(node, place, f"the tag {node.tag} is not supported")
            return None
        if isinstance(node, MappingNode):
            return self.mapping(node, place, above)
        if isinstance(node, SequenceNode):
            for index, item in enumerate(node.value):
                self.file.lines[(*place, index)] = _line(item)
            inner = (*above, node)
            return [self._value(item, (*place, index), inner) for index, item in enumerate(node.value)]
        try:
            return _SCALARS[_kind(node)](node.value)
        except ValueError as error:
            self._add(node, place, f"not valid YAML: {error}")
        return None

    def mapping(self, node: MappingNode, place: Place, above: tuple[Node, ...]) -> dict[Any, Any]:
        """The section that `node` is, at `place`, inside the nodes `above`."""
        own: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        first_lines: dict[Any, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._add(key_node, place, "a list or a section cannot be a key")
                continue
            if _kind(key_node) == "merge":
                merged |= self._merged(value_node, place, (*above, node))
                continue
            key: Any = key_node.value if _kind(key_node) == "str" else NonTextKey(key_node.value)
            inner = (*place, repr(key) if isinstance(key, NonTextKey) else key)
            if key in first_lines:
                self._add(key_node, inner, f"the key is already in line {first_lines[key]}; keep one of them")
            first_lines[key] = self.file.lines[inner] = _line(key_node)
            own[key] = self._value(value_node, inner, (*above, node))
        return {**merged, **own}

    def _merged(self, node: Node, place: Place, above: tuple[Node, ...]) -> dict[Any, Any]:
        """What the section, or the list of sections, after a `<<` brings; of two the first wins."""
        found: dict[Any, Any] = {}
        for item in node.value if isinstance(node, SequenceNode) else [node]:
            if isinstance(item, MappingNode):
                found = {**self._value(item, place, above), **found}
            else:
                self._add(item, place, "<< must name a section, or a list of sections")
        return found

    def _add(self, node: Node, place: Place, text: str) -> None:
        named = f"{show_place(place)}: {text}" if place else text
        self.file.problems.append(f"{self.file.name}:{_line(node)}: {named}")


def _line(node: Node) -> int:
    line: int = node.start_mark.line + 1
    return line


def _kind(node: Node) -> str:
    return str(node.tag).removeprefix(_TAG)


def _integer(text: str) -> int:
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _float(text: str) -> float:
    return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))


_SCALARS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "bool": lambda text: text.lower() == "true",
    "null": lambda text: None,
    "int": _integer,
    "float": _float,
}


def _found_instead(name: str, node: Node | None) -> str:
    if node is None or _kind(node) == "null":
        return f"{name}: the file is empty; it must hold keys with values"
    kind = "a list" if isinstance(node, SequenceNode) else f"the single value {node.value!r}"
    return f"{name}:{_line(node)}: found {kind}; the file must hold keys with values (key: value)"


def _explain(name: str, error: YAMLError) -> str:
    if not isinstance(error, MarkedYAMLError):
        return f"{name}: not valid YAML: {error}"
    mark = error.problem_mark or error.context_mark
    place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
    context = f"{error.context}, " if error.context else ""
    hint = "; indent with spaces, not tabs" if "'\\t'" in str(error.problem) else ""
    return f"{name}{place}: not valid YAML: {context}{error.problem}{hint}"
