"""The rooms of the library: imports point down, and each room says what it is for and what it may import."""

import ast
import re
from pathlib import Path

import grimp
import pytest

LIBRARY = Path(__file__).resolve().parents[1] / "workflow" / "orderparam"
# Each layer may import those below it; rooms of one line may import each other where a colon parts them.
LAYERS = (
    "__main__",
    "cli",
    "tracking",
    "pages | lookup | preflight",
    "archive | claims | figures",
    "known_systems",
    "analysis",
    "training : measuring",
    "model",
    "text",
    "settings",
    "tables | figure_register | sums",
    "environment | code_digest | files",
    "errors",
)


def as_layer(line: str) -> grimp.Layer:
    independent = ":" not in line
    return grimp.Layer(*line.replace(":", "|").replace(" ", "").split("|"), independent=independent)


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("orderparam", cache_dir=None)


def test_imports_point_down(graph):
    broken = graph.find_illegal_dependencies_for_layers(
        layers=[as_layer(line) for line in LAYERS], containers={"orderparam"}
    )
    assert not [f"{found.importer} imports {found.imported}" for found in broken]


def test_every_room_has_a_layer(graph):
    rooms = {module.removeprefix("orderparam.") for module in graph.find_children("orderparam")}
    assert rooms <= {room for line in LAYERS for room in line.replace(":", "|").replace(" ", "").split("|")}


def test_only_tracking_imports_mlflow_and_only_the_engine_rooms_import_torch():
    graph = grimp.build_graph("orderparam", include_external_packages=True, cache_dir=None)
    importers = {
        package: {module.split(".")[1] for module in graph.find_modules_that_directly_import(package)}
        for package in ("mlflow", "torch")
    }
    assert importers["mlflow"] == {"tracking"}
    assert importers["torch"] <= {"model", "training", "measuring", "archive", "environment", "known_systems"}


@pytest.mark.parametrize("room", sorted(path.parent.name for path in LIBRARY.glob("*/__init__.py")))
def test_each_room_says_what_it_is_for_and_what_it_may_import(graph, room):
    rooms = {path.parent.name for path in LIBRARY.glob("*/__init__.py")} - {room}
    docstring = ast.get_docstring(ast.parse((LIBRARY / room / "__init__.py").read_text(encoding="utf-8")))
    purpose, _, may_import = docstring.partition("Imports ")
    assert len(purpose) > 30
    assert may_import.endswith(".")
    imported = {
        name.split(".")[1]
        for module in graph.find_descendants(f"orderparam.{room}") | {f"orderparam.{room}"}
        for name in graph.find_modules_directly_imported_by(module)
    }
    assert imported & rooms <= set(re.findall(r"\w+", may_import))
