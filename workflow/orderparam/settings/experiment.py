"""The keys of an experiment's runs, each named once, and the experiment that its file resolves to.

Needs the standard library only, since machines that only train import it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from functools import cache, cached_property
from typing import Annotated, Any, Literal, get_args, get_type_hints

from orderparam.errors import RecordError
from orderparam.settings.key import Allowed, Earlier

Attention = Literal["causal", "not_previous", "uniform", "ablated"]
# The parts of a model's parameters that can be frozen or penalised by name.
Part = Literal[
    "token_embedding",
    "position_embedding",
    "query",
    "key",
    "value",
    "output",
    "output_bias",
    "mlp",
    "norm",
    "head",
]
PARTS: tuple[Part, ...] = get_args(Part)
# Number formats of the matrix products in training; all but the first are for CUDA only.
Precision = Literal["float32", "tf32", "bf16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

Seed = Annotated[int, Allowed(ge=0, le=2**32 - 1)]
Count = Annotated[int, Allowed(ge=1, le=100_000_000)]
CountOrAll = Count | Literal["all"]
UpTo1M = Annotated[int, Allowed(ge=1, le=1_000_000)]
UpTo1024 = Annotated[int, Allowed(ge=1, le=1024)]
Positive = Annotated[float, Allowed(gt=0)]
Fraction = Annotated[float, Allowed(ge=0, lt=1)]
NotNegative = Annotated[float, Allowed(ge=0)]
DEVICE_WORDS = "auto, cpu, cuda, cuda:N (N = 0, 1, ...) or mps"
Device = Annotated[str, Allowed(pattern="^(auto|cpu|cuda(:[0-9]{1,3})?|mps)$", words=DEVICE_WORDS)]

# Folders of results/ that are taken: an experiment has a folder of its own name there.
RESERVED_EXPERIMENTS = (
    "recorded",
    "corpora",
    "benchmark",
    "deep_linear",
    "calibration",
    "ising",
    "hopfield",
    "known_systems",
    "claims",
    "site",
    "mlflow-artifacts",
)
# The experiment whose numbers are the author's published tables, and the one whose protocol gives them.
PUBLISHED, PUBLISHED_PROTOCOL = "published", "paper"


@dataclass(frozen=True)
class Seeds:
    """The seeds of one run; `seed` names it, the others draw weights, batches and dropout masks."""

    seed: Seed
    """The seed that names the run."""
    weights: Seed
    """Draws the initial weights; by default as `seed`."""
    batches: Seed
    """Draws the training windows; by default as `seed`."""
    dropout: Seed
    """Draws the dropout masks; by default as `seed`."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A model to train, and what it starts from."""

    d_model: Annotated[int, Allowed(ge=1, le=65536)]
    """Width of the residual stream, in channels; a multiple of `n_head`."""
    n_head: UpTo1024
    """Attention heads per layer."""
    n_layer: UpTo1024
    """Number of layers (blocks)."""
    start_from: Annotated[str | None, Earlier(None)] = None
    """Another entry of the same experiment, whose final weights of the same seed are the initial ones; null
    draws them from the seed."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """How every size is trained."""

    attention: Annotated[Attention, Earlier("causal")] = "causal"
    """How blocks attend: `causal` by queries and keys; `not_previous` likewise, but not to the position just
    before; `uniform` equally to all positions up to the own one; `ablated` leaves attention out of every
    block, so that only the MLP remains."""
    logit_factor: Annotated[Positive, Earlier(1.0)] = 1.0
    """Factor on the attention's logits, besides d_model^-1/2 (as in arXiv 2506.13688)."""
    value_output_scale: Annotated[Positive, Earlier(1.0)] = 1.0
    """Factor on the drawn initial values of the attention's value and output maps, alpha."""
    norm_parameters: Annotated[bool, Earlier(True)] = True
    """Whether LayerNorms have a gain and a bias."""
    frozen: Annotated[tuple[Part, ...], Allowed(strict=False), Earlier(())] = ()
    """Parts of the model that keep their initial values."""
    context: UpTo1M = 256
    """Context length, in tokens (characters)."""
    batch_size: UpTo1M = 64
    """Windows of `context` tokens per step."""
    learning_rate: Positive = 3e-4
    """Learning rate, at the beginning of each stage."""
    learning_rate_width: Annotated[Annotated[int, Allowed(ge=1, le=65536)] | None, Earlier(None)] = None
    """Width at which `learning_rate` was tuned: maps of the blocks and the head have it times this /
    `d_model`, embeddings, norms and biases as it is, as muP's for Adam (arXiv 2203.03466, Table 3; initial
    values are not muP's). Null for one learning rate."""
    anneal_to: Annotated[Annotated[float, Allowed(gt=0, le=1)], Earlier(1.0)] = 1.0
    """Share of the learning rate to which it falls in each stage, by half a cosine; 1 keeps it constant."""
    weight_decay: NotNegative = 0.01
    """Strength of the weight decay."""
    sweep: Annotated[tuple[NotNegative, ...], Allowed(strict=False), Earlier(())] = ()
    """Strengths of the weight decay in successive stages of equally many steps; without any, the run is one
    stage with `weight_decay`."""
    stages_from: Annotated[Literal["before", "start"], Earlier("before")] = "before"
    """What each stage of a sweep begins with: the weights of the stage `before`, or those that the run began
    with at its `start`, and then the optimizer anew."""
    kick: Annotated[NotNegative, Earlier(0.0)] = 0.0
    """Noise for the weights that the weight decay acts on, where a stage begins from trained ones: a fresh
    draw of initial weights, times this."""
    penalised: Annotated[tuple[Part, ...], Allowed(strict=False), Earlier(PARTS)] = PARTS
    """Parts of the model that the weight decay acts on."""
    betas: Annotated[tuple[Fraction, Fraction], Allowed(strict=False)] = (0.9, 0.999)
    """Decay rates of the gradient's first and second moments."""
    dropout: Fraction = 0.2
    """Probability that an activation is dropped."""
    attention_dropout: Annotated[bool, Earlier(True)] = True
    """Whether dropout acts on the attention weights, as in the article's pushed code."""
    output_dropout: Annotated[bool, Earlier(True)] = True
    """Whether dropout also follows the attention's output map, as in the article's pushed code."""
    steps: Count = 20_000
    """Number of updates."""
    regularizer: Annotated[Literal["decoupled", "l2"], Earlier("decoupled")] = "decoupled"
    """How `weight_decay` acts: `decoupled` is AdamW's; `l2` is Adam on the loss plus `weight_decay` times the
    sum of squared parameters (no factor 1/2), reported losses without it."""
    optimizer: Annotated[Literal["adam", "sgd"], Earlier("adam")] = "adam"
    """The update rule: Adam, or stochastic gradient descent with a momentum of betas[0]."""
    device: Device = "auto"
    """Where the model is trained; auto is CUDA, else Apple's MPS, else the CPU."""
    precision: Annotated[Precision, Earlier("float32")] = "float32"
    """Number format of the matrix products in training on CUDA; measurements, and other devices, are in
    float32 always."""
    threads: UpTo1024 = 1
    """CPU threads of one training job."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When a run is measured, and on how many windows."""

    measure_every: Count = 500
    """A measurement every so many steps, besides the log-spaced ones and those at checkpoints."""
    log_spaced_per_decade: Annotated[int, Allowed(ge=0, le=1000)] = 8
    """Measurements per tenfold of steps, evenly spaced in the logarithm; 0 for none."""
    dense_steps: Annotated[int, Allowed(ge=0), Earlier(0)] = 0
    """Up to this step a run is measured every `dense_every` steps as well; 0 for nowhere."""
    dense_every: Annotated[Count, Earlier(10)] = 10
    """A measurement every so many steps up to `dense_steps`."""
    checkpoint_every: Count = 1000
    """Weights are saved at step 0, every so many steps, and at the last; also the grid of the loss's
    derivative."""
    train_windows: CountOrAll = "all"
    """Windows of `context` tokens, none twice, of the training text over which its exact loss is taken."""
    val_windows: CountOrAll = "all"
    """Windows of `context` tokens, none twice, of the validation text over which its exact loss is taken."""
    levels: Annotated[Literal["ngrams", "in_context"], Earlier("ngrams")] = "ngrams"
    """The losses H_1 to H_3 that phi is counted from: of predictors that know the text's n-gram counts, or of
    those that count within each window (text of Markov chains, `letters`)."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What is read off a run's checkpoints."""

    verified_checkpoints: CountOrAll = "all"
    """Checkpoints from which the losses are computed anew to verify what training recorded."""
    probe_windows: Annotated[int, Allowed(ge=1, le=100_000)] = 32
    """Validation windows over which attention and the distance to n-gram predictors are averaged."""


@dataclass(frozen=True)
class Sampling:
    """The text that is sampled from the trained model."""

    characters: Count = 10_000
    """Length of the sample, in characters."""
    temperature: Positive = 1.0
    """The logits are divided by it before the softmax."""
    seed: Seed = 1337
    """Seed of the sampler."""
    with_dropout: bool = True
    """Whether a second sample is drawn with dropout active."""


@dataclass(frozen=True, kw_only=True)
class Run(Schedule, Training, Shape):
    """All that determines one training run of one model entry, except its seeds.

    The keys of the classes that it is made of are named there, with their meaning, bounds and default, and
    nowhere else.
    """

    experiment: str
    size: str
    corpus: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values that survive JSON and YAML."""
        values = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Run:
        """The inverse of `to_dict`; a run older than a key has the value that was in effect then (`Earlier`).

        Raises RecordError, naming the key, if any other is missing.
        """
        complete = {**_earlier_values(), **values}
        if lacking := [field.name for field in fields(cls) if field.name not in complete]:
            raise RecordError(f"not a run: it has no {', '.join(lacking)}")
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in complete.items()
        }
        return cls(**plain)


@cache
def _earlier_values() -> dict[str, Any]:
    found = {}
    for name, hint in get_type_hints(Run, include_extras=True).items():
        for item in getattr(hint, "__metadata__", ()):
            if isinstance(item, Earlier):
                found[name] = item.value
    return found


@dataclass(frozen=True)
class Experiment:
    """One file of config/experiments/, resolved; `runs` keeps the order of its `sizes`.

    `verify_checkpoints` recomputes each run's losses at `verified_checkpoints` of its size's checkpoints, and
    probes look at `probe_windows` windows of the validation split. A `replay_of` another experiment has
    that one's recorded runs, and trains nothing.
    """

    name: str
    description: str
    corpus: str
    compare_with_published: bool
    seeds: tuple[Seeds, ...]
    seeds_per_job: int
    runs: dict[str, Run]
    verified_checkpoints: dict[str, int | Literal["all"]]
    probe_windows: dict[str, int]
    sampling: Sampling
    figures: tuple[str, ...] = ()
    replay_of: str | None = None

    @property
    def is_published(self) -> bool:
        """Whether its numbers are the author's published tables, and nothing was run here."""
        return self.name == PUBLISHED

    def to_dict(self) -> dict[str, Any]:
        """Plain values that survive JSON and YAML."""
        plain = {
            "seeds": [asdict(seeds) for seeds in self.seeds],
            "runs": {size: run.to_dict() for size, run in self.runs.items()},
            "figures": list(self.figures),
        }
        return {**asdict(self), **plain}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Experiment:
        """The inverse of `to_dict`."""
        resolved = {
            "seeds": tuple(Seeds(**seeds) for seeds in values["seeds"]),
            "runs": {size: Run.from_dict(run) for size, run in values["runs"].items()},
            "sampling": Sampling(**values["sampling"]),
            "figures": tuple(values.get("figures", ())),
        }
        return cls(**{**values, **resolved})

    @cached_property
    def jobs(self) -> dict[str, tuple[Seeds, ...]]:
        """Each size's training jobs, `seeds-<first>-<last>`, with their seeds, in the order of the seeds."""
        # Asked for by every job of the workflow, of which there may be thousands.
        starts = range(0, len(self.seeds), self.seeds_per_job)
        parts = [self.seeds[start : start + self.seeds_per_job] for start in starts]
        return {f"seeds-{part[0].seed}-{part[-1].seed}": part for part in parts}


def digest(value: Any) -> str:
    """SHA-256 of a JSON value in canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
