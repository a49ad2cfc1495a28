"""What is written from the models of the settings is up to date, and says all that they allow."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from orderparam.settings.check import schema_of
from orderparam.settings.documentation import MODELS, stale_documentation, write_documentation

PROJECT = Path(__file__).resolve().parents[2]


def test_documentation_is_not_stale() -> None:
    stale = stale_documentation(PROJECT)
    assert not stale, f"renew {', '.join(stale)}: orderparam config document"


def test_stale_documentation_is_named_and_renewed(tmp_path: Path) -> None:
    readme = (PROJECT / "config/README.md").read_text()
    (tmp_path / "config").mkdir()
    (tmp_path / "config/README.md").write_text(readme.replace("| `seeds_per_job` |", "| `seeds_a_job` |"))
    schemas = [f"config/schema/{name}.json" for name in MODELS]
    assert stale_documentation(tmp_path) == [*schemas, "config/README.md"]
    write_documentation(tmp_path)
    assert stale_documentation(tmp_path) == []
    assert (tmp_path / "config/README.md").read_text() == readme


@pytest.mark.parametrize("name", MODELS)
def test_schema_is_closed_and_explains_every_key(name: str) -> None:
    schema = schema_of(MODELS[name])
    jsonschema.Draft202012Validator.check_schema(schema)

    def visit(node: Any, place: str) -> None:
        if isinstance(node, dict):
            if node.get("type") == "object" and "properties" in node:
                assert node.get("additionalProperties") is False, f"{name}: {place} allows unknown keys"
            for key, value in node.get("properties", {}).items():
                assert value["description"].endswith("."), f"{place}/{key} has no meaning"
            for key, value in node.items():
                visit(value, f"{place}/{key}")
        elif isinstance(node, list):
            for index, value in enumerate(node):
                visit(value, f"{place}/{index}")

    visit(schema, "")


def test_editors_find_no_fault_in_the_files_of_this_project() -> None:
    for path in sorted((PROJECT / "config").rglob("*.yaml")):
        first = path.read_text().splitlines()[0]
        hint = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", first)
        assert hint, path
        schema = json.loads((path.parent / hint[1]).read_text())
        document = yaml.safe_load(re.sub(r"(?<![.\d])(\d)e-", r"\1.0e-", path.read_text()))
        jsonschema.validate(document, schema)
