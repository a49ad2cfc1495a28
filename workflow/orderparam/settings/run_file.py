"""run.json: a run and its seeds, as another machine wrote them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from orderparam.errors import RecordError
from orderparam.settings.check import check
from orderparam.settings.experiment import Run, Schedule, Seeds, Shape, Training
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


def parse_run_file(path: object, content: Any) -> tuple[Run, tuple[Seeds, ...]]:
    """Run and seeds from the JSON values of the file at `path`; RecordError with all that is wrong."""
    if not isinstance(content, dict):
        raise RecordError(f"{path}: not a run: found no object with the keys run and seeds")
    problems, _ = check(RunFile, {key: content[key] for key in ("run", "seeds") if key in content})
    if problems:
        raise RecordError("\n  ".join([f"{path}: not a run:", *map(str, problems)]))
    run, seeds = Run.from_dict(content["run"]), tuple(Seeds(**each) for each in content["seeds"])
    numbers = [each.seed for each in seeds]
    if len(set(numbers)) < len(numbers):
        raise RecordError(f"{path}: not a run: its seeds are not distinct: {numbers}")
    return run, seeds
