"""config/config.yaml: which experiment is built, where texts come from and what is tracked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from orderparam.settings.check import Problem
from orderparam.settings.experiment import Count, Seed
from orderparam.settings.key import Allowed
from orderparam.settings.section import DEFAULTS, OPTIONAL, ExperimentName, Name, Section, Text, check_case
from orderparam.settings.words import Place, show, suggest

CONFIG_FILE = "config/config.yaml"
# The workflow's own folders in results/corpora/, where each corpus has a folder of its name.
RESERVED_CORPORA = ("logs", "jobs")

Sha256 = Annotated[str, Allowed(pattern="^[0-9a-f]{64}$", words="64 hexadecimal digits (0-9, a-f)")]
Url = Annotated[
    str, Allowed(pattern=r"^https?://[^\s/]+\S*$", words="an address that starts with http:// or https://")
]


class OwnText(Section):
    """A text file of the user's own."""

    file: Text
    """A UTF-8 text file of your own, relative to the project's root; every character counts, carriage
    returns and a byte-order mark too."""
    sha256: Sha256 = OPTIONAL
    """SHA-256 of the file's bytes, which it must have."""


class Generated(Section):
    """A text that is sampled from the n-gram counts of another."""

    order: Annotated[int, Field(ge=1, le=3)]
    """Order k of the Markov chain that generates the text, which keeps the counts of (k + 1)-grams."""
    seed: Seed
    """Seed of the generator."""


class SurrogateText(Generated):
    """A text with the n-gram statistics of another."""

    surrogate_of: Text
    """The corpus whose n-gram counts this text is sampled from; it has that corpus's characters."""
    characters: Count = OPTIONAL
    """Length of the generated text, in characters; by default that of the other corpus."""


class ChainText(Section):
    """A text in which every stretch follows a Markov chain of its own, of random transition probabilities."""

    letters: Annotated[int, Field(ge=2, le=26)]
    """How many letters the chains have; each letter's transition probabilities are drawn from
    Dirichlet(1, ..., 1)."""
    stretch: Count
    """Characters that follow one chain."""
    seed: Seed
    """Seed of the generator."""
    characters: Count
    """Length of the generated text, in characters."""


class StandIn(Generated):
    """The text that is generated where no source can be reached; without this key that is an error."""

    characters: Count
    """Length of the generated text, in characters."""


class FetchedText(Section):
    """A text from the mirror or from the network."""

    mirror_file: Text = OPTIONAL
    """The file's name in the folder `corpus_mirror`, which is tried first."""
    urls: Annotated[list[Url], Field(min_length=1)] = OPTIONAL
    """Where the file is downloaded from, tried in this order."""
    sha256: Sha256
    """SHA-256 of the file's bytes, which it must have."""
    stand_in: StandIn = OPTIONAL


def _kind_of_corpus(value: Any) -> str | None:
    if not isinstance(value, dict):
        return type(value).__name__ if isinstance(value, Section) else None
    kinds = {"file": "OwnText", "surrogate_of": "SurrogateText", "letters": "ChainText"}
    return next((kind for key, kind in kinds.items() if key in value), "FetchedText")


Corpus = Annotated[
    Annotated[OwnText, Tag("OwnText")]
    | Annotated[SurrogateText, Tag("SurrogateText")]
    | Annotated[ChainText, Tag("ChainText")]
    | Annotated[FetchedText, Tag("FetchedText")],
    Discriminator(_kind_of_corpus),
]


class Tracking(Section):
    """What is recorded in MLflow."""

    enabled: bool = True
    """Whether each job is recorded as an MLflow run."""
    uri: Text | None = None
    """The MLflow tracking URI; null for MLFLOW_TRACKING_URI or else results/mlflow.db."""


class ConfigFile(Section):
    """config/config.yaml: which experiment is built, where texts come from and what is tracked."""

    experiment: Text = "preview"
    """The experiment that `rule all` builds: a file name of config/experiments/ without .yaml,
    `<name>_recorded` for a folder of results/recorded/, `replay` or `published`."""
    replay: ExperimentName = "paper"
    """The experiment from whose recorded runs `replay` is drawn."""
    corpus_mirror: Text | None = None
    """Folder that is searched for a corpus before its URLs, relative to the project's root; null for
    none."""
    corpora: Annotated[dict[Name, Corpus], Field(min_length=1)]
    """The texts that an experiment may name as its `corpus`, each under a name of its own."""
    tracking: Tracking = DEFAULTS


def check_sources(config: dict[Any, Any], faulty: Collection[Place]) -> Iterator[Problem]:
    """Each corpus needs a source and a free name; `faulty` are the places of values taken out of `config`."""
    named = config.get("corpora", {}).items()
    corpora = {name: corpus for name, corpus in named if isinstance(name, str) and isinstance(corpus, dict)}
    texts = [name for name, corpus in corpora.items() if "surrogate_of" not in corpus]
    for name, corpus in corpora.items():
        place: Place = ("corpora", name)
        sources = ("file", "surrogate_of", "letters", "mirror_file", "urls")
        if not any(key in corpus or (*place, key) in faulty for key in sources):
            allowed = "file (a text of your own), mirror_file or urls with sha256, surrogate_of, or letters"
            yield Problem(place, show(corpus), f"needs a source: {allowed}")
        # Some file systems do not tell upper from lower case.
        if name.lower() in RESERVED_CORPORA:
            reserved = f"{', '.join(RESERVED_CORPORA)} are reserved: rename the corpus"
            yield Problem(place, f"the name {name}", reserved)
        # A surrogate is made from a text that is not a surrogate itself.
        origin = corpus.get("surrogate_of")
        if origin is not None and origin not in texts:
            what = "is a surrogate itself" if origin in corpora else "no such corpus"
            yield Problem((*place, "surrogate_of"), show(origin), f"{what}; {suggest(origin, texts)}")
    yield from check_case("corpora", {"corpora": corpora})
