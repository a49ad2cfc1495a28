"""Time the stacked engine on this machine's GPU, without the workflow.

Whole steps of each size, for stacks of 1, 8 and 32 seeds, in each precision, with CUDA graphs, with compiled
graphs and without either, and one measurement of both splits.
"""

from __future__ import annotations

import gc
import itertools
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from orderparam.environment import describe_environment
from orderparam.errors import TrainingError
from orderparam.files import read_json, write_json
from orderparam.measuring.timing import seconds_of, summarise, time_in_turns
from orderparam.settings.experiment import PRECISIONS, Run, Seeds
from orderparam.tables import GPU_THROUGHPUT, write_table
from orderparam.text.vocabulary import load_tokens
from orderparam.training.device import resolve_device
from orderparam.training.job import read_run
from orderparam.training.stacked import STEPS_PER_READING, StackedEngine

log = logging.getLogger(__name__)

STACKS = (1, 8, 32)
BLOCK_SECONDS = 0.3
VARIANT = ("precision", "graphs", "compiled")

Row = dict[str, Any]
Variant = tuple[str, bool, bool]


@dataclass(frozen=True)
class Bench:
    """What all cases share."""

    vocabulary_size: int
    train_tokens: np.ndarray
    val_tokens: np.ndarray
    device: torch.device

    def variants(self) -> list[Variant]:
        """On CUDA each precision with compiled graphs, graphs, neither; elsewhere the one way there is."""
        if self.device.type != "cuda":
            return [("float32", False, False)]
        ways = ((True, True), (True, False), (False, False))
        return [(precision, *way) for precision in PRECISIONS for way in ways]

    def build(self, run: Run, stack: int, variant: Variant) -> tuple[StackedEngine, float]:
        """An engine that has made its first steps, with its graph, and the bytes that they took on CUDA."""
        cuda = self.device.type == "cuda"
        before = torch.cuda.memory_allocated(self.device) if cuda else 0
        if cuda:
            torch.cuda.reset_peak_memory_stats(self.device)
        seeds = [Seeds(seed, 0, seed, seed) for seed in range(stack)]
        splits, (precision, graphs, compiled) = (self.train_tokens, self.val_tokens), variant
        engine = StackedEngine(
            run,
            seeds,
            self.vocabulary_size,
            *splits,
            self.device,
            precision=precision,
            graphs=graphs,
            compiled=compiled,
        )
        _advance(engine, 1)
        _advance(engine, 1)
        return engine, torch.cuda.max_memory_allocated(self.device) - before if cuda else np.nan


def run_benchmark(
    bench: Bench, runs: Iterable[Run], stacks: Iterable[int], seconds: float, out: Path
) -> pd.DataFrame:
    """All cases, the cheap ones first, in about `seconds`; the table at `out` grows case by case.

    A case that the time does not suffice for has a row that says so.
    """
    deadline = time.perf_counter() + seconds
    cases = sorted(itertools.product(runs, stacks), key=lambda case: _cost(*case))
    rows: list[Row] = []
    for index, (run, stack) in enumerate(cases):
        left = deadline - time.perf_counter()
        found = measure_case(bench, run, stack, left / (len(cases) - index))
        log.info("%s", GPU_THROUGHPUT.frame(found).to_string(index=False))
        rows += found
        write_table(GPU_THROUGHPUT.frame(rows), out)
    return GPU_THROUGHPUT.frame(rows)


def measure_case(bench: Bench, run: Run, stack: int, seconds: float) -> list[Row]:
    """Time all variants of one size and number of seeds, for about `seconds`; rows of tables.GPU_THROUGHPUT.

    Variants take turns, one block of steps each, where the memory holds all of them (`interleaved`), else
    they are timed one after the other. Each is repeated 3 to 25 times; quartiles are over the blocks.
    """
    run = replace(run, steps=10**8)
    variants = bench.variants()
    if seconds <= 0:
        return [_row(run, stack, variant, note="the time was up") for variant in variants]
    rows = _time_together(bench, run, stack, variants, seconds)
    interleaved = not any(row["note"] for row in rows)
    if not interleaved:
        share = seconds / len(variants)
        rows = [row for each in variants for row in _time_together(bench, run, stack, [each], share)]
    return [row | {"interleaved": interleaved} for row in rows]


def _time_together(
    bench: Bench, run: Run, stack: int, variants: Sequence[Variant], seconds: float
) -> list[Row]:
    """The variants' rows, or, where they do not fit, rows with a note that says so."""
    _free()
    try:
        built = [bench.build(run, stack, variant) for variant in variants]
        engines = [engine for engine, _ in built]
        steps = [_steps_of_a_block(engine) for engine in engines]
        engines[0].measure()  # which loads kernels
        measuring = seconds_of(engines[0].measure)
        blocks = [partial(_advance, *pair) for pair in zip(engines, steps, strict=True)]
        timed = time_in_turns(blocks, seconds)
    except (RuntimeError, TrainingError) as error:
        short = isinstance(error, torch.OutOfMemoryError)
        note = "out of memory" if short else str(error).splitlines()[0]
        return [_row(run, stack, variant, note=note) for variant in variants]
    return [
        _row(run, stack, variant, [took / count for took in times])
        | {"evaluation_seconds": measuring, "peak_memory_bytes": memory}
        for variant, times, count, (_, memory) in zip(variants, timed, steps, built, strict=True)
    ]


def _row(run: Run, stack: int, variant: Variant, seconds: Sequence[float] = (), note: str = "") -> Row:
    named = {"size": run.size, "seeds": stack, **dict(zip(VARIANT, variant, strict=True))}
    tokens = stack * run.batch_size * run.context
    return named | {"interleaved": False, "note": note} | summarise(seconds, tokens)


def _steps_of_a_block(engine: StackedEngine) -> int:
    _advance(engine, 1)
    steps = round(BLOCK_SECONDS / seconds_of(lambda: _advance(engine, 1)))
    return min(max(steps, 1), STEPS_PER_READING)


def _advance(engine: StackedEngine, steps: int) -> None:
    """Make so many steps; the engine returns when the device is done."""
    until = engine.step + steps
    while engine.step < until:
        engine.advance(until)


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _cost(run: Run, stack: int) -> int:
    per_token = run.n_layer * run.d_model * (12 * run.d_model + 2 * run.context)
    return stack * per_token * run.context * run.batch_size


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
    files = [read_run(path) for path in run_files]
    runs = [run for run, _, _ in files]
    vocabulary = corpus / "vocabulary.json"
    tokens = load_tokens(corpus / "tokens.npy", vocabulary)
    device = resolve_device(runs[0].device)
    torch.set_num_threads(runs[0].threads)
    environment = describe_environment(device, "as in the table", command, files[0][2].get("commit"))
    bench = Bench(len(read_json(vocabulary)["characters"]), *tokens, device)
    took = seconds_of(lambda: run_benchmark(bench, runs, stacks, seconds, table))
    write_json(table.with_suffix(".json"), environment | {"seconds": took})
