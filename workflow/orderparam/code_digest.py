"""A digest of the code that a script runs, so that editing a module reruns the rules that use it."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path


def code_digest(
    script: Path, package: Path, ignore: Iterable[str] = ("tracking",), include: Iterable[str] = ()
) -> str:
    """SHA-256 over `script` and all modules that it imports, directly or not, from the folder `package`.

    Comments, formatting and docstrings do not count. Imports are found in the syntax tree, those
    inside functions too; nothing is imported. A module stands also for the `__init__` of each folder
    above it. A data file below `package` counts where a string in a module is its name or the end of
    its path (`counts.npz`, `data/counts.npz`). A string that begins a computed module name
    (`f"toy.figures.{name}"`) counts all modules below it, or only those of them that `include` names.

    `ignore` names modules that change no output. Names in `ignore` and `include` are relative to
    the package (`figures.style`), and a package stands for all below it.
    The digest does not depend on where the project lies, but on Python's minor version.

    Raises SyntaxError or OSError, which name the file, for a module that cannot be read, and
    ValueError for a name in `include` that is no module.
    """
    modules, data = _find_files(package)
    ignored = {name for prefix in ignore for name in _below(f"{package.name}.{prefix}", modules)}
    included: set[str] = set()
    for prefix in include:
        found = _below(f"{package.name}.{prefix}", modules)
        if not found:
            raise ValueError(f"include: there is no module {prefix} in {package}")
        included.update(found)

    todo = {"": script, **{name: modules[name] for name in included}}
    digests: dict[str, str] = {}
    while todo:
        name, path = todo.popitem()
        source = _read(path)
        digests[name] = source.digest
        for string in source.strings & data.keys():
            digests.update((str(file.relative_to(package)), _hash(file)) for file in data[string])
        targets = {_absolute(imported, name, path) for imported in source.imports}
        for prefix in source.strings:
            if prefix.startswith(f"{package.name}.") and prefix.endswith("."):
                computed = set(_below(prefix[:-1], modules))
                targets |= computed if computed.isdisjoint(included) else {prefix[:-1]}
        for module in (module for target in targets for module in _prefixes(target)):
            if module in modules and module not in digests and module not in ignored:
                todo[module] = modules[module]
    return hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()


@dataclass(frozen=True)
class _Source:
    """What a module's text says: `imports` are names with a dot in front for each relative level."""

    digest: str
    imports: frozenset[str]
    strings: frozenset[str]


def _find_files(package: Path) -> tuple[dict[str, Path], dict[str, list[Path]]]:
    """Modules by dotted name, and data files by each end of their path below `package`."""
    modules: dict[str, Path] = {}
    data: dict[str, list[Path]] = {}
    for path in sorted(package.rglob("*")):
        parts = path.relative_to(package).parts
        if "__pycache__" in parts or any(part.startswith(".") for part in parts) or not path.is_file():
            continue
        if path.suffix == ".py":
            names = (package.name, *parts[:-1]) if path.stem == "__init__" else (package.name, *parts)
            modules[".".join(names).removesuffix(".py")] = path
        else:
            for start in range(len(parts)):
                data.setdefault("/".join(parts[start:]), []).append(path)
    return modules, data


def _below(name: str, modules: Iterable[str]) -> list[str]:
    return [module for module in modules if module == name or module.startswith(f"{name}.")]


def _read(path: Path) -> _Source:
    status = path.stat()
    return _parse(path, status.st_mtime_ns, status.st_size)


def _hash(path: Path) -> str:
    status = path.stat()
    return _hash_content(path, status.st_mtime_ns, status.st_size)


@cache
def _hash_content(path: Path, mtime_ns: int, size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def _parse(path: Path, mtime_ns: int, size: int) -> _Source:
    """Time and size only serve as the cache's key, so that a file that has changed is parsed anew."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    imports: set[str] = set()
    strings: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                del node.body[0]
        elif isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (f"{node.module}." if node.module else "")
            imports.update(base + alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            strings.add(node.value)
    text = ast.dump(tree)
    return _Source(hashlib.sha256(text.encode()).hexdigest(), frozenset(imports), frozenset(strings))


def _absolute(imported: str, importer: str, path: Path) -> str:
    """The dotted name that `imported` means in the module `importer`."""
    name = imported.lstrip(".")
    level = len(imported) - len(name)
    if not level:
        return name
    parts = importer.split(".")
    # In an __init__ one dot means the package itself, elsewhere the package around the module.
    drop = level - 1 if path.name == "__init__.py" else level
    return ".".join([*parts[: len(parts) - drop], name])


def _prefixes(name: str) -> list[str]:
    """a, a.b and a.b.c of a.b.c; the last may be a function, the others are imported on the way."""
    parts = name.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]
