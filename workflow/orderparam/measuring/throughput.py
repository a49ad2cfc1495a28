"""Seconds per training step, of the engine and of a plain model, beside what the machine could do at best."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from orderparam.measuring.losses import measure_split, window_starts
from orderparam.model.gpt import GPT
from orderparam.settings.experiment import Run, Seeds
from orderparam.tables import THROUGHPUT
from orderparam.training.batches import BatchSampler
from orderparam.training.sequential import Trainer

PLAIN_BATCHES_PER_SPLIT = 200
MIN_REPEATS, MAX_REPEATS = 3, 25
ADAMW_PASSES = 7  # read weight, gradient and both moments; write weight and both moments

BuildPlain = Callable[[Run, int], nn.Module]


@dataclass(frozen=True)
class Peak:
    """What one thread of this machine was measured to reach: FLOP/s in a product, bytes/s in a copy."""

    flops: float
    bandwidth: float


def measure_peak(size: int = 1024, repeats: int = 8) -> Peak:
    """Best of `repeats` products of float32 (size, size) matrices, and copies of 256 MiB (read, write)."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    source = torch.ones(2**26)
    target = torch.empty_like(source)
    product = min(_seconds(lambda: torch.mm(a, b)) for _ in range(repeats))
    copy = min(_seconds(lambda: target.copy_(source)) for _ in range(repeats))
    return Peak(2 * size**3 / product, 2 * source.nbytes / copy)


def count_step_flops(run: Run, vocabulary_size: int) -> int:
    """Floating-point operations of the matrix products of one step, causal attention counted once.

    Forward: 2 (12 n_layer d^2 + V d) per token and 4 n_layer d times the mean number of visible keys,
    (T + 1) / 2; backward: twice that.
    """
    maps = 2 * (12 * run.n_layer * run.d_model**2 + vocabulary_size * run.d_model)
    attention = 4 * run.n_layer * run.d_model * (run.context + 1) // 2
    return 3 * (maps + attention) * run.batch_size * run.context


def count_step_bytes(model: nn.Module, inputs: Tensor, targets: Tensor) -> int:
    """Bytes that a step cannot avoid to move: activations kept for the backward pass, twice, and AdamW's."""
    parameters = {parameter.data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in parameters:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = _loss(model, inputs, targets)
    loss.backward()
    model.zero_grad(set_to_none=True)
    weights = sum(parameter.nbytes for parameter in model.parameters())
    return 2 * sum(kept.values()) + ADAMW_PASSES * weights


def measure_throughput(
    run: Run,
    vocabulary_size: int,
    train_tokens: np.ndarray,
    val_tokens: np.ndarray,
    build_plain: BuildPlain,
    seconds: float,
) -> pd.DataFrame:
    """Time whole steps (batch, forward, backward, optimizer) and evaluations, interleaved, on one thread.

    Quantities: `step`, one update; `evaluation`, the losses of both splits as each implementation takes
    them: exact over the run's windows by the engine, 200 random batches per split by the plain model
    (one batch is timed and multiplied). Each quantity is repeated for about `seconds`, 3 to 25 times,
    after one warm-up. The columns that need the machine's peak are left to `add_floors`.
    """
    torch.set_num_threads(1)
    seeds = Seeds(0, 0, 0, 0)
    trainer = Trainer(run, seeds, vocabulary_size, train_tokens, val_tokens, torch.device("cpu"))
    plain = build_plain(run, vocabulary_size)
    optimizer = torch.optim.AdamW(plain.parameters(), lr=run.learning_rate, weight_decay=run.weight_decay)
    sampler = BatchSampler(train_tokens, run.context, run.batch_size, 0)

    def plain_step() -> None:
        optimizer.zero_grad(set_to_none=True)
        _loss(plain.train(), *sampler.draw()).backward()
        optimizer.step()

    timed = _interleave({"engine": trainer.update, "plain": plain_step}, seconds)
    flops = count_step_flops(run, vocabulary_size)
    tokens = run.batch_size * run.context
    rows = []
    for name, model in (("engine", trainer.model), ("plain", plain)):
        moved = count_step_bytes(model.train(), *sampler.draw())
        row = _row(run.size, name, "step", timed[name], timed["plain"], tokens)
        rows.append(row | {"flops": flops, "bytes": moved})
    rows += _time_evaluation(run, trainer.model, plain, sampler, (train_tokens, val_tokens), seconds)
    return THROUGHPUT.frame(rows)


def add_floors(throughput: pd.DataFrame, peaks: Sequence[Peak]) -> pd.DataFrame:
    """Fill in the seconds that the counted work takes at the best of `peaks`, and the share of it reached.

    On a noisy machine a peak measured once may be that of a bad moment.
    """
    peak = best_of(peaks)
    floor = throughput["flops"] / peak.flops
    return throughput.assign(
        compute_floor_seconds=floor,
        memory_floor_seconds=throughput["bytes"] / peak.bandwidth,
        peak_share=floor / throughput["median_seconds"],
    )


def best_of(peaks: Sequence[Peak]) -> Peak:
    """The highest rates of several measurements."""
    return Peak(max(peak.flops for peak in peaks), max(peak.bandwidth for peak in peaks))


def _time_evaluation(
    run: Run,
    model: GPT,
    plain: nn.Module,
    sampler: BatchSampler,
    splits: tuple[np.ndarray, np.ndarray],
    seconds: float,
) -> list[dict[str, object]]:
    train_tokens, val_tokens = splits
    windows = [
        len(window_starts(len(tokens), run.context, count))
        for tokens, count in ((train_tokens, run.train_windows), (val_tokens, run.val_windows))
    ]
    part = min(64, *windows)
    starts = window_starts(len(val_tokens), run.context, part)

    def engine_part() -> None:
        measure_split(model, val_tokens, starts)

    @torch.no_grad()
    def plain_batch() -> None:
        _loss(plain.eval(), *sampler.draw())

    timed = _interleave({"engine": engine_part, "plain": plain_batch}, seconds)
    whole = {
        "engine": [time_of_part * sum(windows) / part for time_of_part in timed["engine"]],
        "plain": [time_of_batch * 2 * PLAIN_BATCHES_PER_SPLIT for time_of_batch in timed["plain"]],
    }
    tokens = {
        "engine": sum(windows) * run.context,
        "plain": 2 * PLAIN_BATCHES_PER_SPLIT * run.batch_size * run.context,
    }
    return [_row(run.size, name, "evaluation", whole[name], whole["plain"], tokens[name]) for name in whole]


def _loss(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())


def _interleave(works: dict[str, Callable[[], object]], seconds: float) -> dict[str, list[float]]:
    cycle = sum(_seconds(work) for work in works.values())
    repeats = min(max(round(seconds / cycle), MIN_REPEATS), MAX_REPEATS)
    timed: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            timed[name].append(_seconds(work))
    return timed


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _row(
    size: str, name: str, quantity: str, seconds: Sequence[float], plain: Sequence[float], tokens: int
) -> dict[str, object]:
    lower, median, upper = np.quantile(seconds, [0.25, 0.5, 0.75])
    return {
        "size": size,
        "implementation": name,
        "quantity": quantity,
        "repeats": len(seconds),
        "median_seconds": float(median),
        "lower_quartile_seconds": float(lower),
        "upper_quartile_seconds": float(upper),
        "tokens_per_second": tokens / float(median),
        # Paired, since both were timed in turn on the same noisy machine.
        "ratio_to_plain": float(np.median(np.divide(plain, seconds))),
    }


def describe_machine(peak: Peak) -> dict[str, object]:
    """What a benchmark must be read with."""
    return {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": 1,
        "matmul_gflops": peak.flops / 1e9,
        "copy_gigabytes_per_second": peak.bandwidth / 1e9,
    }
