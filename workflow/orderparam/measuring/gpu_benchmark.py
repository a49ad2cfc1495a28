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
from orderparam.measuring.timing import seconds_of, summarise
from orderparam.settings.experiment import PRECISIONS, Run, Seeds
from orderparam.tables import GPU_THROUGHPUT, write_table
from orderparam.text.vocabulary import load_tokens
from orderparam.training.device import resolve_device
from orderparam.training.stacked import STEPS_PER_READING, StackedEngine

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

    def build(self, run: Run, stack: int, variant: Variant) -> StackedEngine:
        """An engine that has made its first steps, with its graph; notes the memory that they took."""
        cuda = self.device.type == "cuda"
        before = torch.cuda.memory_allocated(self.device) if cuda else 0
        if cuda:
            torch.cuda.reset_peak_memory_stats(self.device)
        engine = StackedEngine(
            run,
            [Seeds(seed, 0, seed, seed) for seed in range(stack)],
            self.vocabulary_size,
            self.train_tokens,
            self.val_tokens,
            self.device,
            precision=variant.precision,
            graphs=variant.graphs,
        )
        for step in (1, 2):
            engine.advance(until=step)
        if cuda:
            variant.peak_memory = torch.cuda.max_memory_allocated(self.device) - before
        return engine


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
            skipped = [replace(variant, note="the time was up") for variant in bench.variants()]
            tables.append(_table(run, stack, skipped, False, np.nan))
        table = pd.concat(tables, ignore_index=True)
        write_table(table, out)
        log.info("%s", tables[-1].to_string(index=False))
    return table


def measure_case(bench: Bench, run: Run, stack: int, seconds: float) -> pd.DataFrame:
    """Time all variants of one size and number of seeds, for about `seconds`; tables.GPU_THROUGHPUT.

    Variants take turns, one block of steps each, where the memory holds all of them (`interleaved`), else
    they are timed one after the other. Each is repeated 3 to 15 times; quartiles are over the blocks.
    """
    run = replace(run, steps=10**8)
    deadline = time.perf_counter() + seconds
    variants = bench.variants()
    evaluation = _time_together(bench, run, stack, variants, deadline, float("nan"))
    interleaved = not variants[0].note
    if not interleaved:
        variants = bench.variants()
        for index, variant in enumerate(variants):
            now = time.perf_counter()
            until = now + (deadline - now) / (len(variants) - index)
            evaluation = _time_together(bench, run, stack, [variant], until, evaluation)
    return _table(run, stack, variants, interleaved, evaluation)


def _time_together(
    bench: Bench, run: Run, stack: int, variants: Sequence[Variant], deadline: float, evaluation: float
) -> float:
    """Fill in the variants' seconds, or a note that says why there are none.

    Returns the seconds of one measurement, timed unless `evaluation` has them.
    """
    _free()
    try:
        engines = [bench.build(run, stack, variant) for variant in variants]
        blocks = []
        for engine in engines:
            _time_block(engine, 1)
            blocks.append(min(max(round(BLOCK_SECONDS / _time_block(engine, 1)), 1), STEPS_PER_READING))
        if math.isnan(evaluation):
            evaluation = _time_measurement(engines[0])
        for repeat in range(MAX_REPEATS):
            if repeat >= MIN_REPEATS and time.perf_counter() > deadline:
                break
            for variant, engine, block in zip(variants, engines, blocks, strict=True):
                variant.seconds.append(_time_block(engine, block))
    except (RuntimeError, TrainingError) as error:
        short = isinstance(error, torch.OutOfMemoryError)
        for variant in variants:
            variant.note = "out of memory" if short else str(error).splitlines()[0]
    return evaluation


def _time_measurement(engine: StackedEngine) -> float:
    """Seconds of one measurement. The first also loads kernels: it counts only if it is long enough."""
    first = seconds_of(engine.measure)
    return first if first > LONG_MEASUREMENT_SECONDS else seconds_of(engine.measure)


def _time_block(engine: StackedEngine, steps: int) -> float:
    """Seconds per step; the engine returns when the device is done."""
    before = engine.step
    seconds = seconds_of(lambda: engine.advance(until=before + steps))
    return seconds / (engine.step - before)


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _table(
    run: Run, stack: int, variants: Sequence[Variant], interleaved: bool, evaluation: float
) -> pd.DataFrame:
    rows = []
    for variant in variants:
        summary = summarise(variant.seconds)
        row = {
            "size": run.size,
            "seeds": stack,
            "precision": variant.precision,
            "graphs": variant.graphs,
            "interleaved": interleaved,
            **summary,
            "tokens_per_second": stack * run.batch_size * run.context / summary["median_seconds"],
            "evaluation_seconds": evaluation,
            "peak_memory_bytes": variant.peak_memory,
            "note": variant.note,
        }
        rows.append(row)
    return GPU_THROUGHPUT.frame(rows)


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
    began = time.perf_counter()
    documents = [read_json(path) for path in run_files]
    runs = [Run.from_dict(document["run"]) for document in documents]
    vocabulary = corpus / "vocabulary.json"
    tokens = load_tokens(corpus / "tokens.npy", vocabulary)
    device = resolve_device(runs[0].device)
    torch.set_num_threads(runs[0].threads)
    environment = describe_environment(device, "as in the table", command, documents[0].get("commit"))
    bench = Bench(len(read_json(vocabulary)["characters"]), *tokens, device)
    run_benchmark(bench, runs, stacks, seconds, table)
    write_json(table.with_suffix(".json"), environment | {"seconds": time.perf_counter() - began})
