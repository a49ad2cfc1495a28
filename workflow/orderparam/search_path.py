"""Where processes find this package."""

import os
from pathlib import Path


def search_path_with(folder: Path) -> str:
    """The value of PYTHONPATH with which a process imports from `folder` first."""
    present = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join([str(folder), *(entry for entry in present if entry and entry != str(folder))])


def add_to_search_path(folder: Path) -> None:
    """Let Python processes started from this one import from `folder`, before the rest of PYTHONPATH."""
    os.environ["PYTHONPATH"] = search_path_with(folder)
