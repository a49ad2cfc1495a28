"""Strict reading of a YAML file: one mapping, no key twice, plain values as YAML 1.2's core schema has them.

So 3e-4 is a float, 010 is ten, and yes, 1:30 and 20_000 are text. Each value's line is kept for messages.
Tags, anchors and merge keys are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from orderparam.errors import ConfigError
from orderparam.files import open_regular
from orderparam.settings.words import Place, show_path, show_place


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
    reader = _Reader(found)
    text = ""
    try:
        with open_regular(root / file) as opened:
            text = opened.read().decode("utf-8-sig")
        node = reader.yaml.compose(text)
        if node is None:
            raise ConfigError(f"{found.name}: the file is empty; it must hold keys with values")
        if not isinstance(node, MappingNode):
            kind = "a list" if isinstance(node, SequenceNode) else f"the single value {node.value!r}"
            reader.refuse(node, (), f"found {kind}; the file must hold keys with values (key: value)")
        found.values = reader.value(node, ())
    except OSError as error:
        found.problems.append(f"{found.name}: cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        found.problems.append(f"{found.name}:{line}: not UTF-8 text; save the file as UTF-8")
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = f"{chr(error.character)!a}"
        found.problems.append(f"{found.name}:{line}: the character {character} is not allowed in YAML")
    except RecursionError:
        found.problems.append(f"{found.name}: nested too deeply; write it flat")
    except MarkedYAMLError as error:
        found.problems.append(_explain(found.name, error))
    except ConfigError as error:
        found.problems.append(str(error))
    return found


class _Reader:
    """Plain values from the nodes of one file, with their lines and the faults met on the way."""

    def __init__(self, file: YamlFile) -> None:
        self.file = file
        self.yaml = YAML(typ="safe", pure=True)

    def value(self, node: Node, place: Place) -> Any:
        """What `node` at `place` holds; ConfigError for what is not supported."""
        if node.anchor:
            self.refuse(node, place, "anchors (&) and aliases (*) are not supported; write the value out")
        if str(node.tag).startswith("!"):
            self.refuse(node, place, f"the tag {node.tag} is not supported")
        if isinstance(node, MappingNode):
            return self._section(node, place)
        if isinstance(node, SequenceNode):
            items = [(item, (*place, index)) for index, item in enumerate(node.value)]
            self.file.lines |= {inner: _line(item) for item, inner in items}
            return [self.value(item, inner) for item, inner in items]
        try:
            return node.value if _is_text(node) else self.yaml.constructor.construct_object(node)
        except ValueError as error:
            self.refuse(node, place, f"not valid YAML: {error}")

    def _section(self, node: MappingNode, place: Place) -> dict[Any, Any]:
        section: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self.refuse(key_node, place, "a list or a section cannot be a key")
            if str(key_node.tag).endswith(":merge"):
                self.refuse(key_node, place, "the merge key << is not supported; write the keys out")
            key: Any = key_node.value if _is_text(key_node) else NonTextKey(key_node.value)
            inner = (*place, str(key))
            if key in section:
                fault = f"the key is already in line {self.file.lines[inner]}; keep one of them"
                self.file.problems.append(self._told(key_node, inner, fault))
            self.file.lines[inner] = _line(key_node)
            section[key] = self.value(value_node, inner)
        return section

    def refuse(self, node: Node, place: Place, fault: str) -> NoReturn:
        """Give up the file for what is wrong with `node`."""
        raise ConfigError(self._told(node, place, fault))

    def _told(self, node: Node, place: Place, fault: str) -> str:
        named = f"{show_place(place)}: {fault}" if place else fault
        return f"{self.file.name}:{_line(node)}: {named}"


def _is_text(node: Node) -> bool:
    """Whether a plain value is text; ruamel.yaml itself also reads dates, and 20_000 as a number."""
    kind = str(node.tag).rpartition(":")[2]
    return kind not in ("null", "bool", "int", "float") or "_" in node.value


def _line(node: Node) -> int:
    line: int = node.start_mark.line + 1
    return line


def _explain(name: str, error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    context = f"{error.context}, " if error.context else ""
    hint = "; indent with spaces, not tabs" if "'\\t'" in str(error.problem) else ""
    return f"{name}:{mark.line + 1}:{mark.column + 1}: not valid YAML: {context}{error.problem}{hint}"
