"""Time the stacked engine on this machine's GPU, without the workflow.

Whole steps of each size, for stacks of 1, 8 and 32 seeds, in each precision, with CUDA graphs and without,
and one measurement of both splits.
"""

from __future__ import annotations

import gc
import itertools
import logging
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from orderparam.environment import describe_environment
from orderparam.errors import TrainingError
from orderparam.files import read_json, write_json
from orderparam.settings.experiment import PRECISIONS, Run, Seeds
from orderparam.tables import GPU_THROUGHPUT, write_table
from orderparam.text.vocabulary import load_tokens
from orderparam.training.device import resolve_device
from orderparam.training.stacked import STEPS_PER_READING, StackedTrainer

log = logging.getLogger(__name__)

STACKS = (1, 8, 32)
BLOCK_SECONDS = 0.3
MIN_REPEATS, MAX_REPEATS = 3, 15
LONG_MEASUREMENT_SECONDS = 1.0


@dataclass
class Variant:
    """One way to make the same step, and the seconds per step of each block of steps timed so far."""

    precision: str
    graphs: bool
    seconds: list[float] = field(default_factory=list)
    peak_memory: float = float("nan")
    note: str = ""


@dataclass(frozen=True)
class Bench:
    """What all cases share."""

    vocabulary_size: int
    train_tokens: np.ndarray
    val_tokens: np.ndarray
    device: torch.device

    def variants(self) -> list[Variant]:
        """On CUDA each precision with graphs and without; elsewhere the one way there is."""
        if self.device.type != "cuda":
            return [Variant("float32", graphs=False)]
        pairs = itertools.product(PRECISIONS, (True, False))
        return [Variant(precision, graphs) for precision, graphs in pairs]

    def build(self, run: Run, stack: int, variant: Variant) -> StackedTrainer:
        """A trainer that has made its first steps, and noted the memory that they took."""
        cuda = self.device.type == "cuda"
        before = torch.cuda.memory_allocated(self.device) if cuda else 0
        if cuda:
            torch.cuda.reset_peak_memory_stats(self.device)
        trainer = StackedTrainer(
            run,
            [Seeds(seed, 0, seed, seed) for seed in range(stack)],
            self.vocabulary_size,
            self.train_tokens,
            self.val_tokens,
            self.device,
            precision=variant.precision,
            graphs=variant.graphs,
        )
        trainer.advance(until=1)
        if cuda:
            variant.peak_memory = torch.cuda.max_memory_allocated(self.device) - before
        return trainer


def measure_case(bench: Bench, run: Run, stack: int, seconds: float) -> pd.DataFrame:
    """Time all variants of one size and number of seeds, for about `seconds`; tables.GPU_THROUGHPUT.

    Variants take turns, one block of steps each, where the memory holds all of them (`interleaved`), else
    they are timed one after the other. Each is repeated 3 to 15 times; quartiles are over the blocks.
    """
    run = replace(run, steps=10**8)
    deadline = time.perf_counter() + seconds
    variants = bench.variants()
    evaluation, interleaved = float("nan"), True
    try:
        evaluation = _time_together(bench, run, stack, variants, deadline, evaluation)
    except (RuntimeError, TrainingError):
        interleaved = False
    if not interleaved:  # out of the handler, whose exception keeps the memory
        variants = bench.variants()
        for index, variant in enumerate(variants):
            _free()
            share = (deadline - time.perf_counter()) / (len(variants) - index)
            try:
                until = time.perf_counter() + share
                evaluation = _time_together(bench, run, stack, [variant], until, evaluation)
            except torch.OutOfMemoryError:
                variant.note = "out of memory"
            except (RuntimeError, TrainingError) as error:
                variant.note = str(error).splitlines()[0]
    _free()
    rows = [_row(run, stack, variant, interleaved, evaluation) for variant in variants]
    return GPU_THROUGHPUT.frame(rows)


def _time_together(
    bench: Bench, run: Run, stack: int, variants: Sequence[Variant], deadline: float, evaluation: float
) -> float:
    """Fill in the variants' seconds; returns those of one measurement, timed unless `evaluation` has them."""
    trainers = [bench.build(run, stack, variant) for variant in variants]
    blocks = []
    for trainer in trainers:
        _time_block(trainer, 1)
        blocks.append(min(max(round(BLOCK_SECONDS / _time_block(trainer, 1)), 1), STEPS_PER_READING))
    if math.isnan(evaluation):
        evaluation = _time_measurement(trainers[0])
    for repeat in range(MAX_REPEATS):
        if repeat >= MIN_REPEATS and time.perf_counter() > deadline:
            break
        for variant, trainer, block in zip(variants, trainers, blocks, strict=True):
            variant.seconds.append(_time_block(trainer, block))
    return evaluation


def _time_measurement(trainer: StackedTrainer) -> float:
    """Seconds of one measurement; the first, which loads kernels, counts only where that does not matter."""
    for _ in range(2):
        began = time.perf_counter()
        trainer.measure_all()
        seconds = time.perf_counter() - began
        if seconds > LONG_MEASUREMENT_SECONDS:
            break
    return seconds


def _time_block(trainer: StackedTrainer, steps: int) -> float:
    """Seconds per step; the engine returns when the device is done."""
    before, began = trainer.step, time.perf_counter()
    trainer.advance(until=before + steps)
    return (time.perf_counter() - began) / (trainer.step - before)


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _row(run: Run, stack: int, variant: Variant, interleaved: bool, evaluation: float) -> dict[str, object]:
    lower, median, upper = np.quantile(variant.seconds or [np.nan], [0.25, 0.5, 0.75])
    return {
        "size": run.size,
        "seeds": stack,
        "precision": variant.precision,
        "graphs": variant.graphs,
        "interleaved": interleaved,
        "repeats": len(variant.seconds),
        "median_seconds": float(median),
        "lower_quartile_seconds": float(lower),
        "upper_quartile_seconds": float(upper),
        "tokens_per_second": stack * run.batch_size * run.context / float(median),
        "evaluation_seconds": evaluation,
        "peak_memory_bytes": variant.peak_memory,
        "note": variant.note,
    }


def run_benchmark(
    bench: Bench, runs: Iterable[Run], stacks: Iterable[int], seconds: float, out: Path
) -> pd.DataFrame:
    """All cases, the cheap ones first, in about `seconds`; the table at `out` grows case by case.

    A case that the time does not suffice for has a row that says so.
    """
    deadline = time.perf_counter() + seconds
    cases = sorted(itertools.product(runs, stacks), key=lambda case: _cost(*case))
    tables: list[pd.DataFrame] = []
    for index, (run, stack) in enumerate(cases):
        left = deadline - time.perf_counter()
        if left > 0:
            tables.append(measure_case(bench, run, stack, left / (len(cases) - index)))
        else:
            skipped = [
                _row(run, stack, replace(v, note="the time was up"), False, np.nan) for v in bench.variants()
            ]
            tables.append(GPU_THROUGHPUT.frame(skipped))
        table = pd.concat(tables, ignore_index=True)
        write_table(table, out)
        log.info("%s", tables[-1].to_string(index=False))
    return table


def _cost(run: Run, stack: int) -> int:
    return (
        stack
        * run.n_layer
        * run.d_model
        * (12 * run.d_model + 2 * run.context)
        * run.context
        * run.batch_size
    )


def benchmark_run_files(
    run_files: Sequence[Path],
    corpus: Path,
    table: Path,
    stacks: Sequence[int],
    seconds: float,
    command: str,
) -> None:
    """Time the runs of files that `orderparam run` printed, and write the table, a CSV, within `seconds`.

    `corpus` has tokens.npy and vocabulary.json. A JSON file beside the table says on what machine, and by
    what `command`. Raises TrainingError where there is no such device.
    """
    began = time.perf_counter()
    documents = [read_json(path) for path in run_files]
    runs = [Run.from_dict(document["run"]) for document in documents]
    train_tokens, val_tokens = load_tokens(corpus / "tokens.npy", corpus / "vocabulary.json")
    vocabulary_size = len(read_json(corpus / "vocabulary.json")["characters"])
    device = resolve_device(runs[0].device)
    torch.set_num_threads(runs[0].threads)
    environment = describe_environment(device, "as in the table", command, documents[0].get("commit"))
    run_benchmark(Bench(vocabulary_size, train_tokens, val_tokens, device), runs, stacks, seconds, table)
    write_json(table.with_suffix(".json"), environment | {"seconds": time.perf_counter() - began})
