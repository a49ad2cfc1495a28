"""Seconds per training step, of the engine and of a plain model, beside what the machine could do at best."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from orderparam.measuring.losses import measure_split, window_starts
from orderparam.measuring.timing import seconds_of, summarise, time_in_turns
from orderparam.model.plain import PlainGPT
from orderparam.settings.experiment import Run, Seeds
from orderparam.tables import THROUGHPUT
from orderparam.training.engine import BatchSampler
from orderparam.training.optimizer import build_optimizer
from orderparam.training.sequential import SequentialEngine

PLAIN_BATCHES_PER_SPLIT = 200


def measure_peak(size: int = 1024, repeats: int = 8) -> float:
    """FLOP/s that one thread of this machine reaches: best of products of float32 (size, size) matrices."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    return 2 * size**3 / min(seconds_of(lambda: torch.mm(a, b)) for _ in range(repeats))


def count_step_flops(run: Run, vocabulary_size: int) -> int:
    """Floating-point operations of the matrix products of one step, causal attention counted once.

    Forward: 2 (12 n_layer d^2 + V d) per token and 4 n_layer d times the mean number of visible keys,
    (T + 1) / 2; backward: twice that.
    """
    maps = 2 * (12 * run.n_layer * run.d_model**2 + vocabulary_size * run.d_model)
    attention = 4 * run.n_layer * run.d_model * (run.context + 1) // 2
    return 3 * (maps + attention) * run.batch_size * run.context


def measure_throughput(
    run: Run, vocabulary_size: int, train_tokens: np.ndarray, val_tokens: np.ndarray, seconds: float
) -> pd.DataFrame:
    """Time whole steps (batch, forward, backward, optimizer) and evaluations, interleaved, on one thread.

    Quantities: `step`, one update; `evaluation`, the losses of both splits as each implementation takes
    them: exact over the run's windows by the engine, 200 random batches per split by the plain model
    (one batch is timed and multiplied). Each quantity is repeated for about `seconds`, 3 to 25 times,
    after one warm-up. The columns that need the machine's peak are left to `add_floor`.
    """
    torch.set_num_threads(1)
    seeds = [Seeds(0, 0, 0, 0)]
    engine = SequentialEngine(run, seeds, vocabulary_size, train_tokens, val_tokens, torch.device("cpu"))
    plain = PlainGPT(run, vocabulary_size)
    optimizer = build_optimizer(run, dict(plain.named_parameters()), fused=False)
    sampler = BatchSampler(train_tokens, run.context, run.batch_size, 0)
    windows = sum(len(starts) for _, starts in engine.splits.values())
    part = min(64, *(len(starts) for _, starts in engine.splits.values()))
    starts = window_starts(len(val_tokens), run.context, part)

    def plain_step() -> None:
        optimizer.zero_grad(set_to_none=True)
        _loss(plain.train(), *sampler.draw()).backward()
        optimizer.step()

    def engine_evaluation() -> None:
        measure_split(engine.model, val_tokens, starts)

    @torch.no_grad()
    def plain_evaluation() -> None:
        _loss(plain.eval(), *sampler.draw())

    tokens, batches = run.batch_size * run.context, 2 * PLAIN_BATCHES_PER_SPLIT
    steps = time_in_turns([engine.update, plain_step], seconds)
    evaluations = np.array(time_in_turns([engine_evaluation, plain_evaluation], seconds))
    evaluations *= [[windows / part], [batches]]
    step = {"size": run.size, "quantity": "step", "flops": count_step_flops(run, vocabulary_size)}
    evaluation = {"size": run.size, "quantity": "evaluation"}
    rows = [step | row for row in _compare(steps, [tokens, tokens])]
    rows += [evaluation | row for row in _compare(evaluations, [windows * run.context, batches * tokens])]
    return THROUGHPUT.frame(rows)


def _compare(timed: Any, tokens: Sequence[int]) -> list[dict[str, Any]]:
    """Rows of engine and plain model, from seconds (2, repeats) and the tokens of one repeat of each."""
    return [
        {
            "implementation": name,
            **summarise(list(seconds), count),
            # Paired, since both were timed in turn on the same noisy machine.
            "ratio_to_plain": float(np.median(np.divide(timed[1], seconds))),
        }
        for name, seconds, count in zip(("engine", "plain"), timed, tokens, strict=True)
    ]


def add_floor(throughput: pd.DataFrame, peak: float) -> pd.DataFrame:
    """Fill in the seconds that the counted FLOPs take at `peak` FLOP/s, and the share of it reached."""
    floor = throughput["flops"] / peak
    share = floor / throughput["median_seconds"]
    return throughput.assign(compute_floor_seconds=floor, peak_share=share)


def describe_machine(peak: float) -> dict[str, object]:
    """What a benchmark must be read with."""
    return {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": 1,
        "matmul_gflops": peak / 1e9,
    }


def _loss(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
