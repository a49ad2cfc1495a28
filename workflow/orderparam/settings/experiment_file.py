"""config/experiments/<name>.yaml: the models to train, how, and what is drawn of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from orderparam.figure_register import EXPERIMENT, FIGURES
from orderparam.settings.check import Problem
from orderparam.settings.config_file import CONFIG_FILE
from orderparam.settings.experiment import (
    PARTS,
    PUBLISHED,
    RESERVED_EXPERIMENTS,
    Sampling,
    Schedule,
    Seed,
    Seeds,
    Shape,
    Training,
    UpTo1M,
    Verification,
)
from orderparam.settings.section import (
    DEFAULTS,
    OPTIONAL,
    Name,
    Section,
    Text,
    check_case,
    keys_of,
    with_keys_of,
)
from orderparam.settings.words import Place, show, suggest


@with_keys_of(Seeds, optional=("weights", "batches", "dropout"))
class SeedsSection(Section):
    """The seeds of one run, set apart."""


# More would fill the memory, and say no more.
MOST_MEASUREMENTS, MOST_CHECKPOINTS = 1_000_000, 100_000

# What an entry of `sizes` may set for itself alone.
OVERRIDES = ["corpus", *keys_of(Training, Schedule, Verification)]


@with_keys_of(Shape, Training, Schedule, Verification, optional=OVERRIDES)
class Entry(Section):
    """A model to train."""

    corpus: Text = OPTIONAL
    """The text that this model learns; by default that of the experiment."""


@with_keys_of(Training)
class TrainingSection(Section):
    """How every size is trained."""


@with_keys_of(Schedule, Verification)
class MeasurementSection(Section):
    """When the order parameter and the losses are measured, and on what."""


@with_keys_of(Sampling)
class SamplingSection(Section):
    """The text that is sampled from the trained model."""


SeedOrSection = Annotated[
    Annotated[Seed, Tag("int")] | Annotated[SeedsSection, Tag("SeedsSection")],
    Discriminator(lambda value: "SeedsSection" if isinstance(value, dict | Section) else "int"),
]
ARTICLE_FIGURES = [name for name in FIGURES[EXPERIMENT] if name.startswith("fig")]


class ExperimentFile(Section):
    """config/experiments/<name>.yaml: the models to train, how, and what is drawn of them."""

    description: str = ""
    """What the experiment is for."""
    corpus: Text = "tiny_shakespeare"
    """The text that the models learn, a name under `corpora` of config/config.yaml."""
    compare_with_published: bool = False
    """Whether Figures 4 and 5 also show the article's published values."""
    figures: Annotated[list[str], Field(min_length=1)] = Field(ARTICLE_FIGURES)
    """The figures that are drawn and shown on the page, in this order."""
    seeds: Annotated[list[SeedOrSection], Field(min_length=1)] = Field([1337])
    """The seeds with which each size is trained; an integer, or a section that sets the seeds for weights,
    batches and dropout apart."""
    seeds_per_job: UpTo1M = 1
    """How many seeds of a size one training job holds; on CUDA they are trained all at once."""
    sizes: Annotated[dict[Name, Entry], Field(min_length=1)]
    """The models to train, each under a name of its own; an entry may also set `corpus` and any key of
    `training` and `measurement`, for itself alone."""
    training: TrainingSection = DEFAULTS
    measurement: MeasurementSection = DEFAULTS
    sampling: SamplingSection = DEFAULTS


def check_file_name(path: Path) -> Iterator[str]:
    """Faults of an experiment file's name, which is the experiment's name."""
    if path.suffix != ".yaml":
        yield f"found the suffix {path.suffix}; an experiment's file must end in .yaml: rename it"
    reserved = ("replay", PUBLISHED, "*_recorded", *RESERVED_EXPERIMENTS)
    if any(fnmatchcase(path.stem, name) for name in reserved):
        yield f"found the name {path.stem}; {', '.join(reserved)} are reserved: rename the file"
    elif not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", path.stem):
        rule = "must begin with a-z and go on with a-z, 0-9, _ and -, 64 characters at most"
        yield f"found the name {show(path.stem)}; an experiment's name {rule}: rename the file"


def check_experiment(document: dict[Any, Any], corpora: Collection[str] | None) -> Iterator[Problem]:
    """Faults between the keys of an experiment whose values are allowed each by itself.

    A key that is missing takes no part. `corpora` are the known ones, None if that is unknown.
    """
    figures = FIGURES[EXPERIMENT]
    for index, figure in enumerate(document.get("figures") or ()):
        if isinstance(figure, str) and figure not in figures:
            yield Problem(("figures", index), show(figure), f"no such figure; {suggest(figure, figures)}")
    yield from check_case("sizes", document)
    yield from _check_seeds(document.get("seeds", []))
    sizes = document.get("sizes", {})
    shared = {**document.get("training", {}), **document.get("measurement", {})}
    entries = {name: {**shared, **size} for name, size in sizes.items()}
    parts: dict[Place, dict[Any, Any]] = {(): document, **{("sizes", name): sizes[name] for name in sizes}}
    for place, part in parts.items():
        corpus = part.get("corpus")
        if corpora is not None and corpus is not None and corpus not in corpora:
            allowed = f"no such corpus in {CONFIG_FILE}; {suggest(corpus, corpora)}"
            yield Problem((*place, "corpus"), show(corpus), allowed)
    for name, entry in entries.items():
        d_model, n_head = entry.get("d_model"), entry.get("n_head")
        if d_model and n_head and d_model % n_head:
            allowed = f"must be a multiple of n_head, which is {n_head}"
            yield Problem(("sizes", name, "d_model"), str(d_model), allowed)
    # A fault of the sections for all sizes is found with each size, hence by place.
    misfits = (_check_steps(name, sizes[name], entry) for name, entry in entries.items())
    yield from {problem.place: problem for problem in misfits if problem}.values()
    found = (problem for name in entries for problem in _check_penalty(name, sizes[name], entries[name]))
    yield from {problem.place: problem for problem in found}.values()
    for name, entry in entries.items():
        if entry.get("start_from") is not None:
            yield from _check_start_from(name, entries)


def _check_steps(name: str, own: dict[Any, Any], entry: dict[Any, Any]) -> Problem | None:
    """A run must reach its first checkpoint, and have no end of them; the key to blame is the size's own."""
    every, steps = entry.get("checkpoint_every"), entry.get("steps")
    for key, most in (("measure_every", MOST_MEASUREMENTS), ("checkpoint_every", MOST_CHECKPOINTS)):
        interval = entry.get(key)
        if interval and steps and steps / interval > most:
            allowed = f"must be >= {-(-steps // most)}: {steps:,} steps allow at most {most:,} of these"
            place: Place = ("sizes", name, key) if key in own else ("measurement", key)
            return Problem(place, str(interval), allowed)
    if every is None or steps is None or every <= steps:
        return None
    if "steps" in own and "checkpoint_every" not in own:
        return Problem(("sizes", name, "steps"), str(steps), f"must be >= checkpoint_every, which is {every}")
    section: Place = ("sizes", name) if "checkpoint_every" in own else ("measurement",)
    return Problem((*section, "checkpoint_every"), str(every), f"must be <= steps, which is {steps}")


def _check_penalty(name: str, own: dict[Any, Any], entry: dict[Any, Any]) -> Iterator[Problem]:
    """A penalty of some parameters, or that changes, is part of the loss; stages are of equal length."""

    def place(key: str) -> Place:
        return ("sizes", name, key) if key in own else ("training", key)

    sweep, steps = entry.get("sweep") or (), entry.get("steps")
    if sweep and steps and steps % len(sweep):
        yield Problem(place("steps"), str(steps), f"must be a multiple of the {len(sweep)} stages of sweep")
    for key, usual in (("sweep", ()), ("frozen", ()), ("penalised", PARTS)):
        if set(entry.get(key, usual)) != set(usual) and entry.get("regularizer") == "decoupled":
            yield Problem(place(key), show(list(entry[key])), "needs regularizer l2")
    if entry.get("optimizer") == "sgd":
        # PyTorch's SGD takes any decay through its momentum, and muP's rule for it is another.
        if entry.get("regularizer") == "decoupled" and entry.get("weight_decay"):
            yield Problem(place("optimizer"), "sgd", "needs regularizer l2, or weight_decay 0")
        if entry.get("learning_rate_width") is not None:
            yield Problem(place("optimizer"), "sgd", "needs learning_rate_width null, whose rule is Adam's")


def _check_start_from(name: str, entries: dict[str, dict[Any, Any]]) -> Iterator[Problem]:
    """Weights can be handed on between entries of one shape, and not in a circle."""
    source = entries[name]["start_from"]
    place: Place = ("sizes", name, "start_from")
    if source not in entries:
        yield Problem(place, show(source), f"no such entry of sizes; {suggest(source, entries)}")
        return
    for key in ("d_model", "n_head", "n_layer", "context"):
        own, other = entries[name].get(key), entries[source].get(key)
        if own is not None and other is not None and own != other:
            allowed = f"must have the {key} of {name}, which is {own}, but has {other}"
            yield Problem(place, show(source), allowed)
    chain, last = [name], source
    while last in entries and last not in chain:
        chain.append(last)
        last = entries[last].get("start_from")
    if last == name:
        allowed = f"must not lead back to {name}: {' from '.join([*chain, name])}"
        yield Problem(place, show(source), allowed)


def _check_seeds(seeds: list[Any]) -> Iterator[Problem]:
    first: dict[int, int] = {}
    for index, item in enumerate(seeds):
        seed = item.get("seed") if isinstance(item, dict) else item
        if seed is not None and first.setdefault(seed, index) != index:
            allowed = f"the seeds must be distinct, and seeds[{first[seed]}] is {seed} too"
            yield Problem(("seeds", index), str(seed), allowed)
