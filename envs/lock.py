"""Write requirements.txt and requirements-dev.txt: what pip resolves the .in files to, every package pinned.

Run by `make lock`. Nothing is installed. CUDA libraries, which torch asks for on Linux alone, are left
to pip, and so are local versions such as torch's +cpu, so that one lock serves every machine.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
CUDA = re.compile(r"nvidia-|cuda-|triton$")
HEADER = """\
# {purpose}
# Written by `make lock` from {source}; edit that file, not this one.
"""


def resolve(source: str) -> dict[str, str]:
    """Name and version of each package that pip would install into an empty environment."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
    command += ["--report", "-", "--requirement", source]
    report = subprocess.run(command, cwd=FOLDER, check=True, stdout=subprocess.PIPE, text=True).stdout
    metadata = [item["metadata"] for item in json.loads(report)["install"]]
    return {item["name"]: item["version"].split("+")[0] for item in metadata if not CUDA.match(item["name"])}


def write_lock(name: str, header: str, versions: dict[str, str]) -> None:
    """Write the pins in alphabetical order."""
    pins = [f"{package}=={versions[package]}" for package in sorted(versions, key=str.lower)]
    (FOLDER / name).write_text(header + "\n".join(pins) + "\n")


if __name__ == "__main__":
    # Both locks come from one resolution, so that they agree; the second adds to the first.
    everything = resolve("requirements-dev.in")
    running = {package: everything[package] for package in resolve("requirements.in")}
    purpose = "All packages that the workflow runs with, pinned."
    write_lock("requirements.txt", HEADER.format(purpose=purpose, source="requirements.in"), running)
    purpose = "All packages that tests, linters and type checks add, pinned."
    header = HEADER.format(purpose=purpose, source="requirements-dev.in") + "-r requirements.txt\n"
    added = {package: version for package, version in everything.items() if package not in running}
    write_lock("requirements-dev.txt", header, added)
