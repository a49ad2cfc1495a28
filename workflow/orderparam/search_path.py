"""Where processes find this package."""

import os
from pathlib import Path


def add_to_search_path(folder: Path) -> None:
    """Let Python processes started from this one import from `folder`, before the rest of PYTHONPATH."""
    present = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    folders = [str(folder), *(entry for entry in present if entry and entry != str(folder))]
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)
