"""What a schema cannot say about the configuration: rules between keys, files and names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from orderparam.settings.experiment import RESERVED_EXPERIMENTS
from orderparam.settings.schema import Place, Problem, show, suggest

CONFIG_FILE = "config/config.yaml"
# The workflow's own folders in results/corpora/, where each corpus has a folder of its name.
RESERVED_CORPORA = ("logs", "jobs")


def check_file_name(path: Path) -> Iterator[str]:
    """Faults of an experiment file's name, which is the experiment's name."""
    if path.suffix != ".yaml":
        yield f"found the suffix {path.suffix}; an experiment's file must end in .yaml: rename it"
    if path.stem in RESERVED_EXPERIMENTS:
        yield f"found the name {path.stem}; {', '.join(RESERVED_EXPERIMENTS)} are reserved: rename the file"
    elif not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", path.stem):
        rule = "must begin with a-z and go on with a-z, 0-9, _ and -, 64 characters at most"
        yield f"found the name {show(path.stem)}; an experiment's name {rule}: rename the file"


def check_sources(config: dict[Any, Any], faulty: Collection[Place]) -> Iterator[Problem]:
    """Each corpus needs a source and a free name; `faulty` are the places gone from `config`."""
    for name, corpus in config.get("corpora", {}).items():
        place: Place = ("corpora", name)
        sources = ("file", "surrogate_of", "mirror_file", "urls")
        if not any(key in corpus or (*place, key) in faulty for key in sources):
            allowed = (
                "needs a source: file (a text of your own), mirror_file or urls with sha256, or surrogate_of"
            )
            yield Problem(place, show(corpus), allowed)
        # Some file systems do not tell upper from lower case.
        if name.lower() in RESERVED_CORPORA:
            allowed = f"{', '.join(RESERVED_CORPORA)} are reserved: rename the corpus"
            yield Problem(place, f"the name {name}", allowed)
    yield from _check_surrogates(config.get("corpora", {}))
    yield from _check_case("corpora", config)


def _check_surrogates(corpora: dict[Any, Any]) -> Iterator[Problem]:
    """A surrogate is made from a text that is not a surrogate itself."""
    texts = [name for name, corpus in corpora.items() if "surrogate_of" not in corpus]
    for name, corpus in corpora.items():
        origin = corpus.get("surrogate_of")
        if origin is not None and origin not in texts:
            what = "is a surrogate itself" if origin in corpora else "no such corpus"
            yield Problem(
                ("corpora", name, "surrogate_of"), show(origin), f"{what}; {suggest(origin, texts)}"
            )


def check_experiment(document: dict[Any, Any], corpora: Collection[str] | None) -> Iterator[Problem]:
    """Faults between the keys of an experiment whose values are allowed each by itself.

    A key that is missing takes no part. `corpora` are the known ones, None if that is unknown.
    """
    yield from _check_case("sizes", document)
    yield from _check_seeds(document.get("seeds", []))
    if corpora is not None:
        yield from _check_corpus((), document, corpora)
    # A fault of the sections for all sizes is found with each size, hence by place.
    steps_problems: dict[Place, Problem] = {}
    for name, size in document.get("sizes", {}).items():
        place: Place = ("sizes", name)
        if corpora is not None:
            yield from _check_corpus(place, size, corpora)
        d_model, n_head = size.get("d_model"), size.get("n_head")
        if d_model and n_head and d_model % n_head:
            allowed = f"must be a multiple of n_head, which is {n_head}"
            yield Problem((*place, "d_model"), str(d_model), allowed)
        for problem in _check_steps(place, size, document):
            steps_problems[problem.place] = problem
    yield from steps_problems.values()
    yield from _check_start_from(document)


def _check_corpus(place: Place, entry: dict[Any, Any], corpora: Collection[str]) -> Iterator[Problem]:
    corpus = entry.get("corpus")
    if corpus is not None and corpus not in corpora:
        allowed = f"no such corpus in {CONFIG_FILE}; {suggest(corpus, list(corpora))}"
        yield Problem((*place, "corpus"), show(corpus), allowed)


def _check_steps(place: Place, size: dict[Any, Any], document: dict[Any, Any]) -> Iterator[Problem]:
    """A run must reach its first checkpoint; the key to blame is the one that is the size's own."""
    shared_every = document.get("measurement", {}).get("checkpoint_every")
    shared_steps = document.get("training", {}).get("steps")
    every, steps = size.get("checkpoint_every", shared_every), size.get("steps", shared_steps)
    if every is None or steps is None or every <= steps:
        return
    if "checkpoint_every" not in size and "steps" in size:
        allowed = f"must be >= checkpoint_every, which is {every}"
        yield Problem((*place, "steps"), str(steps), allowed)
    else:
        section: Place = place if "checkpoint_every" in size else ("measurement",)
        yield Problem((*section, "checkpoint_every"), str(every), f"must be <= steps, which is {steps}")


def _check_start_from(document: dict[Any, Any]) -> Iterator[Problem]:
    """Weights can be handed on between entries of one shape, and not in a circle."""
    sizes = document.get("sizes", {})
    for name, size in sizes.items():
        source = size.get("start_from")
        if source is None:
            continue
        place: Place = ("sizes", name, "start_from")
        if source not in sizes:
            yield Problem(place, show(source), f"no such entry of sizes; {suggest(source, list(sizes))}")
            continue
        for key in ("d_model", "n_head", "n_layer", "context"):
            shared = document.get("training", {}).get(key)
            own, other = size.get(key, shared), sizes[source].get(key, shared)
            if own is not None and other is not None and own != other:
                allowed = f"must have the {key} of {name}, which is {own}, but has {other}"
                yield Problem(place, show(source), allowed)
        chain = [name]
        while source in sizes and source not in chain:
            chain.append(source)
            source = sizes[source].get("start_from")
        if source == name:
            allowed = f"must not lead back to {name}: {' from '.join([*chain, name])}"
            yield Problem(place, show(chain[1] if len(chain) > 1 else name), allowed)


def _check_seeds(seeds: list[Any]) -> Iterator[Problem]:
    first: dict[int, int] = {}
    for index, item in enumerate(seeds):
        seed = item.get("seed") if isinstance(item, dict) else item
        if seed is not None and first.setdefault(seed, index) != index:
            allowed = f"the seeds must be distinct, and seeds[{first[seed]}] is {seed} too"
            yield Problem(("seeds", index), str(seed), allowed)


def _check_case(section: str, document: dict[Any, Any]) -> Iterator[Problem]:
    """Names become folders, and some file systems do not tell upper from lower case."""
    first: dict[str, str] = {}
    for name in document.get(section, {}):
        other = first.setdefault(name.lower(), name)
        if other != name:
            allowed = f"it differs from {other} in case only; rename one of them"
            yield Problem((section, name), f"the name {name}", allowed)
