"""The pins agree with each other, and the Makefile's messages and targets are right."""

import importlib.metadata
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[1]
ENVS = PROJECT / "envs"
# Everything that the README promises to run on: CPython 3.11 and newer, Linux and macOS.
MACHINES = [
    {
        "python_version": version,
        "python_full_version": f"{version}.1",
        "sys_platform": system.lower(),
        "platform_system": system,
        "platform_machine": processor,
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "os_name": "posix",
        "extra": "",
    }
    for version in ("3.11", "3.12", "3.13", "3.14")
    for system, processor in (("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64"))
]


def read_pins(name: str) -> dict[str, str]:
    """Version by package; every line must be an exact pin, a comment or -r."""
    pins = {}
    for line in (ENVS / name).read_text().splitlines():
        if line.startswith(("#", "-r ")):
            continue
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9][0-9A-Za-z.]*)", line)
        assert match, f"envs/{name}: {line!r} is no exact pin"
        package = canonicalize_name(match[1])
        assert package not in pins, f"envs/{name}: {package} twice"
        pins[package] = match[2]
    return pins


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_lock_has_the_direct_pins(name: str) -> None:
    direct = read_pins(f"{name}.in")
    locked = read_pins(f"{name}.txt")
    wrong = {package: pin for package, pin in direct.items() if locked.get(package) != pin}
    assert not wrong, f"envs/{name}.txt is older than {name}.in; run `make lock`: {wrong}"


def test_locks_do_not_overlap() -> None:
    assert not read_pins("requirements.txt").keys() & read_pins("requirements-dev.txt").keys()


def test_lock_is_closed_on_every_machine() -> None:
    """What a locked package needs is locked, in a version that it accepts; but torch's CUDA libraries."""
    locked = {**read_pins("requirements.txt"), **read_pins("requirements-dev.txt")}
    faults = set()
    for package in locked:
        for line in importlib.metadata.requires(package) or []:
            need = Requirement(line)
            name = canonicalize_name(need.name)
            if package == "torch" and re.match(r"nvidia-|cuda-|triton$", name):
                continue
            if need.marker is None or any(need.marker.evaluate(machine) for machine in MACHINES):
                if name not in locked:
                    faults.add(f"{package} needs {line}, which is not locked")
                elif not need.specifier.contains(locked[name], prereleases=True):
                    faults.add(f"{package} needs {line}, locked is {locked[name]}")
    assert not faults


def test_installed_packages_are_the_locked_ones() -> None:
    """The tests speak for the environment that a reader gets."""
    locked = {**read_pins("requirements.txt"), **read_pins("requirements-dev.txt")}
    installed = {package: importlib.metadata.version(package).split("+")[0] for package in locked}
    assert installed == locked


def test_conda_environment_has_the_direct_pins() -> None:
    environment = yaml.safe_load((ENVS / "orderparam.yaml").read_text())
    python, pip, packages = environment["dependencies"]
    assert pip == "pip"
    pins = {canonicalize_name(name): pin for name, pin in (line.split("==") for line in packages["pip"])}
    assert pins == read_pins("requirements.in"), "copy the pins of envs/requirements.in"
    assert tuple(map(int, python.removeprefix("python =").split("."))) >= (3, 11)


@pytest.mark.parametrize(
    "path", sorted((PROJECT / "workflow/rules").glob("*.smk")), ids=lambda path: path.name
)
def test_conda_files_of_the_rules_exist(path: Path) -> None:
    for name in re.findall(r"conda:\s*\"([^\"]+)\"", path.read_text()):
        assert (path.parent / name).is_file(), f"{path.name} names {name}"


def make(*arguments: str, folder: Path = PROJECT, **environment: str) -> subprocess.CompletedProcess[str]:
    # The variables of a make that runs these tests must not reach this one.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments], cwd=folder, capture_output=True, text=True, env={**inherited, **environment}
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with all that the Makefile needs to set up an environment, which holds no package."""
    (tmp_path / "Makefile").write_text((PROJECT / "Makefile").read_text())
    (tmp_path / "envs").mkdir()
    for name in ("requirements.txt", "requirements-dev.txt"):
        (tmp_path / "envs" / name).write_text("# nothing\n")
    return tmp_path


def test_help_lists_every_target() -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert {"run", "test", "ui", "lint", "format", "lock", "clean-env", "help"} <= set(targets)
    listed = [line.split()[0] for line in make("help").stdout.splitlines()]
    assert listed[: len(targets)] == targets


def test_old_python_is_refused_with_a_message(checkout: Path) -> None:
    old = checkout / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = make("env", f"PYTHON={old}", folder=checkout)
    assert done.returncode != 0
    assert f"Python 3.11 or newer is needed; found none among: {old}" in done.stderr
    assert "make PYTHON=/path/to/python3.12" in done.stderr
    assert not (checkout / ".venv").exists()


def test_environment_is_set_up_once_and_again_when_requirements_change(checkout: Path) -> None:
    first = make("env", folder=checkout)
    assert first.returncode == 0, first.stderr
    assert "Making .venv" in first.stdout
    assert "pip" not in make("env", folder=checkout).stdout
    requirements = checkout / "envs/requirements.txt"
    later = (checkout / ".venv/run.stamp").stat().st_mtime + 1
    os.utime(requirements, (later, later))
    again = make("env", folder=checkout)
    assert "pip install" in again.stdout
    assert "Making" not in again.stdout


def test_environment_without_its_interpreter_is_made_anew(checkout: Path) -> None:
    binaries = checkout / ".venv/bin"
    binaries.mkdir(parents=True)
    (binaries / "python").symlink_to("/nowhere/python3")
    (checkout / ".venv/run.stamp").touch()
    done = make("env", folder=checkout)
    assert done.returncode == 0, done.stderr
    assert "Making .venv" in done.stdout
    assert "pip install" in done.stdout
