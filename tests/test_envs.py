"""The pins agree with each other and with what is installed; the Makefile has the right targets, messages."""

import importlib.metadata
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import orderparam

PROJECT = Path(__file__).resolve().parents[1]
ENVS = PROJECT / "envs"
LOCKS = ("requirements.txt", "requirements-dev.txt")


def pins_of(lines: list[str]) -> dict[str, str]:
    """Version by package; each line must be an exact pin, of each package one."""
    requirements = [Requirement(line) for line in lines]
    pins = {canonicalize_name(item.name): str(item.specifier).removeprefix("==") for item in requirements}
    assert len(pins) == len(lines)
    assert all(re.fullmatch(r"[0-9][0-9A-Za-z.]*", version) for version in pins.values()), pins
    return pins


def locked_lines(name: str) -> list[str]:
    """The requirements of a lock, without comments and hashes."""
    text = (ENVS / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all("--hash=sha256:" in line for line in lines)
    return [line.partition(" --hash")[0] for line in lines]


@pytest.fixture(scope="module")
def pyproject() -> dict:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def run() -> dict[str, str]:
    return pins_of(locked_lines("requirements.txt"))


@pytest.fixture(scope="module")
def dev() -> dict[str, str]:
    return pins_of(locked_lines("requirements-dev.txt"))


def test_locks_have_the_direct_pins(pyproject, run, dev):
    direct = pins_of(pyproject["project"]["dependencies"])
    tools = pins_of(pyproject["dependency-groups"]["dev"])
    assert direct.items() <= (run | {"torch": direct["torch"]}).items(), "run `make lock`"
    assert tools.items() <= dev.items(), "run `make lock`"


def test_locks_agree_where_they_overlap(run, dev):
    assert all(run.get(name, pin) == pin for name, pin in dev.items())


def test_installed_packages_are_the_locked_ones(pyproject):
    """The tests speak for the environment that a reader gets."""
    lines = [*(line for name in LOCKS for line in locked_lines(name)), *pyproject["project"]["dependencies"]]
    here = [item for item in map(Requirement, lines) if item.marker is None or item.marker.evaluate()]
    installed = {item.name: importlib.metadata.version(item.name).partition("+")[0] for item in here}
    assert installed == {item.name: str(item.specifier).removeprefix("==") for item in here}


def test_installed_library_is_that_of_this_project():
    assert Path(orderparam.__file__).parent.samefile(PROJECT / "workflow/orderparam"), "run `make env`"


def test_conda_environment_has_the_direct_pins(pyproject):
    python, pip, packages = yaml.safe_load((ENVS / "orderparam.yaml").read_text())["dependencies"]
    assert pip == "pip"
    assert packages["pip"] == pyproject["project"]["dependencies"], "copy the pins of pyproject.toml"
    assert tuple(map(int, python.removeprefix("python =").split("."))) >= (3, 11)


def test_the_rules_environment_is_named_once_and_exists() -> None:
    (name,) = re.findall(r"SOURCE}/(envs/[\w.]+)", (PROJECT / "workflow/Snakefile").read_text())
    assert (PROJECT / name).is_file()
    assert not [path for path in (PROJECT / "workflow/rules").glob("*.smk") if "conda" in path.read_text()]


def make(*arguments: str, folder: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    # The variables of a make that runs these tests must not reach this one.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, env=inherited)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with all that the Makefile needs to set up an environment."""
    (tmp_path / "envs").mkdir()
    for name in ("Makefile", "pyproject.toml", *(f"envs/{lock}" for lock in LOCKS)):
        (tmp_path / name).write_text((PROJECT / name).read_text())
    return tmp_path


def make_environment(folder: Path, *arguments: str) -> str:
    """What `make env-dev` prints where it would install; the folder .venv itself is made."""
    done = make("env-dev", "INSTALL=@echo install", *arguments, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_lists_every_target():
    targets = re.findall(r"^([a-z-]+):.*##", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert {"run", "test", "ui", "lint", "format", "lock", "clean-env", "help"} <= set(targets)
    listed = [line.split()[0] for line in make("help").stdout.splitlines()]
    assert listed[: len(targets)] == targets


def test_old_python_is_refused_with_a_message(checkout):
    old = checkout / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = make("env", f"PYTHON={old}", folder=checkout)
    assert done.returncode != 0
    assert f"Python 3.11 or newer is needed; found none among: {old}" in done.stderr
    assert "make PYTHON=/path/to/python3.12" in done.stderr
    assert not (checkout / ".venv").exists()


def test_environment_is_set_up_once_and_again_when_a_lock_changes_or_it_is_broken(checkout):
    first = make_environment(checkout)
    assert "Making .venv" in first
    assert [line.split()[1:3] for line in first.splitlines() if line.startswith("install")] == [
        ["--require-hashes", "--requirement"],
        ["--no-build-isolation", "--editable"],
        ["--require-hashes", "--requirement"],
    ]
    assert "install" not in make_environment(checkout)
    for name, times in (("requirements.txt", 3), ("requirements-dev.txt", 1)):
        later = (checkout / ".venv/dev.stamp").stat().st_mtime + 1
        os.utime(checkout / "envs" / name, (later, later))
        again = make_environment(checkout)
        assert again.count("install") == times
        assert "Making" not in again
        os.utime(checkout / "envs" / name, (0, 0))
    # One without its interpreter is made anew.
    python = checkout / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    again = make_environment(checkout)
    assert "Making .venv" in again
    assert again.count("install") == 3


def test_one_version_is_named_everywhere(pyproject):
    version = pyproject["project"]["version"]
    assert yaml.safe_load((PROJECT / "CITATION.cff").read_text())["version"] == version
    assert re.search(r"^## (\S+)", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)[1] == version
