"""The settings of the systems with a known answer: config/physics/<system>.yaml, checked by its schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orderparam.errors import ConfigError
from orderparam.settings.schema import check, fill_defaults, load_schema
from orderparam.settings.yaml_file import YamlFileError, read_yaml

PHYSICS_FOLDER = "config/physics"


def load_physics(system: str, root: Path) -> dict[str, Any]:
    """The content of config/physics/<system>.yaml below the project folder `root`, defaults filled in.

    The schema is workflow/schemas/<system>.schema.yaml. Raises ConfigError, which lists all problems.
    """
    file = f"{PHYSICS_FOLDER}/{system}.yaml"
    try:
        document = read_yaml(root / file)
    except YamlFileError as error:
        lines = error.problems
    else:
        schema = load_schema(system)
        problems, valid = check(schema, fill_defaults(schema, document))
        if not problems:
            return valid
        lines = [str(problem) for problem in problems]
    count = f"{len(lines)} error{'s' if len(lines) > 1 else ''}"
    raise ConfigError("\n  ".join([f"{file} has {count}; nothing was run:", *lines]))
