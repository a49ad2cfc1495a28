"""A digest of the code that a script runs, so that editing a module reruns the rules that use it."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path


def code_digest(
    script: Path, package: Path, ignore: Iterable[str] = ("tracking",), include: Iterable[str] = ()
) -> str:
    """SHA-256 over `script` and all modules that it imports, directly or not, from the folder `package`.

    Comments, formatting and docstrings do not count. Imports are found in the syntax tree, those
    inside functions too; nothing is imported. They must be absolute, as ruff checks. A module stands also for
    the `__init__` of each folder above it. A data file below `package` counts where a string in a module is
    its name or the end of its path (`counts.npz`, `data/counts.npz`).

    `ignore` names modules that change no output, `include` those whose names the script computes; a package
    stands for all below it. Both are relative to the package (`figures.style`).
    The digest does not depend on where the project lies, but on Python's minor version. A file is read once
    in a process.

    Raises SyntaxError or OSError, which name the file, for a module that cannot be read, and
    ValueError for a name in `include` that is no module.
    """
    modules, data = _find_files(package)

    def below(name: str) -> set[str]:
        prefix = f"{package.name}.{name}"
        return {module for module in modules if f"{module}.".startswith(f"{prefix}.")}

    if unknown := [name for name in include if not below(name)]:
        raise ValueError(f"include: there is no module {unknown[0]} in {package}")
    ignored = {module for name in ignore for module in below(name)}
    todo = {"": script, **{module: modules[module] for name in include for module in below(name)}}
    digests: dict[str, str] = {}
    while todo:
        name, path = todo.popitem()
        source = _parse(path)
        digests[name] = source.digest
        for file in (file for string in source.strings & data.keys() for file in data[string]):
            digests[str(file.relative_to(package))] = hashlib.sha256(file.read_bytes()).hexdigest()
        for module in source.imports & modules.keys() - digests.keys() - ignored:
            todo[module] = modules[module]
    return hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()


def code_as_read(library: Path) -> dict[str, str]:
    """Short digests of the modules below the folder `library` that `code_digest` read, by path below it."""
    inside = {path: source for path, source in _read.items() if path.is_relative_to(library)}
    return {path.relative_to(library).as_posix(): source.mark for path, source in inside.items()}


def find_edited(library: Path, as_read: Mapping[str, str], paths: Iterable[Path]) -> Path | None:
    """The first of these files that no longer says what it said when it was read; None if all do."""
    for path in paths:
        mark = as_read.get(path.relative_to(library).as_posix()) if path.is_relative_to(library) else None
        try:
            # To parse it takes longer than to read it.
            if mark and _short(path.read_bytes()) != mark[:8] and _parse_anew(path).mark[8:] != mark[8:]:
                return path
        except (OSError, SyntaxError, ValueError):
            return path
    return None


@dataclass(frozen=True)
class _Source:
    """What a module's text says; `imports` also has the packages around each module that is imported.

    `mark` is 8 characters for its bytes, then 8 for what they say.
    """

    digest: str
    mark: str
    imports: frozenset[str]
    strings: frozenset[str]


@cache
def _find_files(package: Path) -> tuple[dict[str, Path], dict[str, list[Path]]]:
    """Modules by dotted name, and data files by each end of their path below `package`."""
    modules: dict[str, Path] = {}
    data: dict[str, list[Path]] = {}
    for path in sorted(package.rglob("*")):
        parts = path.relative_to(package).parts
        if "__pycache__" in parts or any(part.startswith(".") for part in parts) or not path.is_file():
            continue
        if path.suffix == ".py":
            name = ".".join((package.name, *parts)).removesuffix(".py").removesuffix(".__init__")
            modules[name] = path
        else:
            for start in range(len(parts)):
                data.setdefault("/".join(parts[start:]), []).append(path)
    return modules, data


_read: dict[Path, _Source] = {}


@cache
def _parse(path: Path) -> _Source:
    _read[path] = _parse_anew(path)
    return _read[path]


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]


def _parse_anew(path: Path) -> _Source:
    content = path.read_bytes()
    tree = ast.parse(content, filename=str(path))
    imported: set[str] = set()
    strings: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                del node.body[0]
        elif isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imported.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            strings.add(node.value)
    # a, a.b and a.b.c of a.b.c; the last may be a function.
    names = (name.split(".")[:end] for name in imported for end in range(1, name.count(".") + 2))
    digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    return _Source(digest, _short(content) + digest[:8], frozenset(map(".".join, names)), frozenset(strings))
