"""An experiment as resolved from its file: every run with every value filled in, nothing left to default."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

Attention = Literal["causal", "ablated"]
# Number formats of the matrix products in training; all but the first are for CUDA only.
PRECISIONS = ("float32", "tf32", "bf16")

# Folders of results/ that no experiment may claim: its name is that of its folder.
RESERVED_EXPERIMENTS = (
    "recorded",
    "corpora",
    "benchmark",
    "deep_linear",
    "calibration",
    "ising",
    "hopfield",
    "known_systems",
    "mlflow-artifacts",
)


@dataclass(frozen=True)
class Seeds:
    """The seeds of one run; `seed` names it, the others draw weights, batches and dropout masks."""

    seed: int
    weights: int
    batches: int
    dropout: int


@dataclass(frozen=True)
class Run:
    """All that fixes one training run of one model entry, but its seeds.

    Lengths are in tokens. `train_windows` and `val_windows` count the non-overlapping windows of `context`
    tokens over which exact losses are taken. Where `attention` is ablated, blocks have no attention at
    all; `output_dropout` says whether dropout follows the attention's output map. `start_from` names the
    size whose final weights are the initial ones; None draws them from the seed.
    """

    experiment: str
    size: str
    corpus: str
    d_model: int
    n_head: int
    n_layer: int
    context: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    betas: tuple[float, float]
    dropout: float
    steps: int
    measure_every: int
    log_spaced_per_decade: int
    checkpoint_every: int
    train_windows: int | Literal["all"]
    val_windows: int | Literal["all"]
    device: str
    threads: int
    # What came later has a default, so that recorded runs can still be read.
    attention: Attention = "causal"
    regularizer: str = "decoupled"
    precision: str = "float32"
    start_from: str | None = None
    output_dropout: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain values that survive JSON and YAML."""
        return {**asdict(self), "betas": list(self.betas)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Run:
        """The inverse of `to_dict`."""
        return cls(**{**values, "betas": tuple(values["betas"])})


@dataclass(frozen=True)
class Sampling:
    """How text is sampled from the final weights; once more with dropout active if `with_dropout`."""

    characters: int
    temperature: float
    seed: int
    with_dropout: bool


@dataclass(frozen=True)
class Experiment:
    """One file of config/experiments/, resolved; `runs` keeps the order of its `sizes`.

    `verify_checkpoints` recomputes each run's losses at `verified_checkpoints` of its size's checkpoints, and
    probes look at `probe_windows` windows of the validation split. A `replay_of` another experiment has
    that one's recorded runs, and trains none.
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

    def jobs(self) -> list[str]:
        """Names of the training jobs of each size, `seeds-<first>-<last>`, in the order of the seeds."""
        return [f"seeds-{chunk[0].seed}-{chunk[-1].seed}" for chunk in self._chunks()]

    def seeds_of(self, job: str) -> tuple[Seeds, ...]:
        """The seeds that the job `seeds-<first>-<last>` trains; KeyError if there is no such job."""
        return dict(zip(self.jobs(), self._chunks(), strict=True))[job]

    def _chunks(self) -> list[tuple[Seeds, ...]]:
        count = self.seeds_per_job
        return [self.seeds[i : i + count] for i in range(0, len(self.seeds), count)]


def digest(value: Any) -> str:
    """SHA-256 of a JSON value in canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
