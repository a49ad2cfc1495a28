"""run.json: a run and its seeds, as another machine wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from orderparam.errors import RecordError
from orderparam.files import read_json
from orderparam.settings.check import check
from orderparam.settings.experiment import CountOrAll, Run, Schedule, Seeds, Shape, Training
from orderparam.settings.experiment_file import SamplingSection
from orderparam.settings.section import Name, Section, with_keys_of


@with_keys_of(Shape, Training, Schedule)
class RunSection(Section):
    """A training run."""

    experiment: Name
    size: Name
    corpus: Name


@with_keys_of(Seeds)
class RunSeeds(Section):
    """The seeds of one run."""


class RunFile(Section):
    """A training run of some seeds."""

    run: RunSection
    seeds: Annotated[list[RunSeeds], Field(min_length=1)]


class PrintedRun(RunFile):
    """What `orderparam run` prints: also how the run is verified and sampled."""

    verified_checkpoints: CountOrAll
    sampling: SamplingSection


def read_run_file(path: Path, kind: type[RunFile] = RunFile) -> tuple[Run, tuple[Seeds, ...], dict[str, Any]]:
    """Run, seeds and all values of a file; RecordError where it is missing or not of its `kind`."""
    content = read_json(path)
    return *parse_run_file(path, content, kind), content


def parse_run_file(
    path: object, content: Any, kind: type[RunFile] = RunFile
) -> tuple[Run, tuple[Seeds, ...]]:
    """Run and seeds from the JSON values of the file at `path`; RecordError with all that is wrong."""
    if not isinstance(content, dict):
        raise RecordError(f"{path}: not a run: found no object with the keys run and seeds")
    problems, _ = check(kind, {key: content[key] for key in kind.model_fields if key in content})
    if problems:
        separator = " " if len(problems) == 1 else "\n  "
        raise RecordError(separator.join([f"{path}: not a run:", *map(str, problems)]))
    run, seeds = Run.from_dict(content["run"]), tuple(Seeds(**each) for each in content["seeds"])
    numbers = [each.seed for each in seeds]
    if len(set(numbers)) < len(numbers):
        raise RecordError(f"{path}: not a run: its seeds are not distinct: {numbers}")
    return run, seeds
