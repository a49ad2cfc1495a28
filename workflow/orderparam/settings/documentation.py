"""Write the tables of config/README.md, and config/schema/ for editors, from the settings' models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from orderparam.settings.check import Schema, branches_of, describe, schema_of
from orderparam.settings.config_file import ConfigFile
from orderparam.settings.experiment_file import OVERRIDES, ExperimentFile
from orderparam.settings.ising_file import IsingFile
from orderparam.settings.ledger_file import LedgerFile

README = "config/README.md"
MODELS: dict[str, type[BaseModel]] = {
    "config": ConfigFile,
    "experiment": ExperimentFile,
    "ising": IsingFile,
    "claims": LedgerFile,
}


def write_documentation(root: Path) -> None:
    """Write all of it anew below the project folder `root`."""
    for path, text in _documents(root).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def stale_documentation(root: Path) -> list[str]:
    """The files below `root` that are not as `write_documentation` would write them."""
    return [
        path.relative_to(root).as_posix()
        for path, text in _documents(root).items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def _documents(root: Path) -> dict[Path, str]:
    readme = (root / README).read_text(encoding="utf-8")
    documents = {}
    overrides = {f"sizes.<name>.{key}" for key in OVERRIDES}
    for name, model in MODELS.items():
        schema = schema_of(model)
        rows = dict.fromkeys(row for key, row in _walk(schema, "") if key not in overrides)
        table = "\n".join(["| key | meaning | allowed | default |", "|---|---|---|---|", *rows])
        before, rest = readme.split(f"<!-- the keys of {name} -->\n")
        after = rest.partition("<!-- end -->")[2]
        readme = f"{before}<!-- the keys of {name} -->\n\n{table}\n\n<!-- end -->{after}"
        documents[root / f"config/schema/{name}.json"] = json.dumps(schema, indent=1) + "\n"
    return {**documents, root / README: readme}


def _walk(schema: Schema, place: str) -> Iterator[tuple[str, str]]:
    """Each key below `place` with its row."""
    for branch in branches_of(schema):
        yield from _walk(branch, place)
    for entry in schema.get("patternProperties", {}).values():
        yield from _walk(entry, f"{place}.<name>")
    if "items" in schema:
        yield from _walk(schema["items"], f"{place}[]")
    for name, part in schema.get("properties", {}).items():
        key, meaning = f"{place}.{name}".lstrip("."), " ".join(part["description"].split())
        default = f"`{json.dumps(part['default'])}`" if "default" in part else "none"
        if name in schema.get("required", ()):
            default = "required"
        allowed = describe(part)
        if part.get("type") == "object":
            allowed, default = "a section", ""
        yield key, f"| `{key}` | {meaning} | {allowed} | {default} |"
        yield from _walk(part, key)
