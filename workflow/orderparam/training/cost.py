"""What jobs of a run will take, for a cluster that must be told beforehand: seconds and memory, by estimate.

The coefficients were measured on one thread of an AMD EPYC (Zen 4) with the article's four sizes. The time of
every run in results/recorded lies within what `minutes` makes of them.
"""

from __future__ import annotations

import math

from orderparam.settings.experiment import Run
from orderparam.training.schedule import measured_steps

# Seconds a token, forward and back: of head and embeddings; per layer and channel, which is what moves
# through memory, half of it by attention over a context of 256; per parameter of the blocks' matrices.
PER_TOKEN, PER_CHANNEL, PER_WEIGHT = 2.5e-6, 0.13e-6, 66e-12
PER_LAYER_AND_STEP = 1e-3
# A token that is only measured; and one that the plain twin measures, by which checkpoints are verified.
MEASURED, VERIFIED = 0.2, 2.0
# A GPU was not measured: at least so many times faster, and no faster than launching its kernels allows.
GPU_SPEEDUP, GPU_STEP = 20.0, 10e-3
# A core may be slower, and shared; every job starts Python, and Snakemake up to three times.
MARGIN, START_MINUTES = 4.0, 10
# MB: of the process with PyTorch, per layer and channel of 4,096 tokens at once, and at least.
BASE_MB, CHANNEL_MB, LEAST_MB, CUDA_MB = 450, 0.65, 2000, 4000
TOKENS_AT_ONCE = 4096


def seconds_a_token(run: Run) -> float:
    """Of a training step on one core."""
    channels = run.n_layer * run.d_model
    by_attention = run.context / 256
    return (
        PER_TOKEN + PER_CHANNEL * channels * (1 + by_attention) / 2 + PER_WEIGHT * 12 * channels * run.d_model
    )


def measured_tokens(run: Run, characters: int) -> int:
    """Tokens of one measurement of both splits of a text of so many characters."""
    splits = ((run.train_windows, 0.9), (run.val_windows, 0.1))
    most = [(windows, int(characters * share) // run.context) for windows, share in splits]
    return run.context * sum(all_of if windows == "all" else min(windows, all_of) for windows, all_of in most)


def seconds_to_train(run: Run, seeds: int, characters: int, on_gpu: bool) -> float:
    """Of all updates and measurements of so many seeds."""
    trained = run.steps * run.batch_size * run.context
    measured = MEASURED * len(measured_steps(run)) * measured_tokens(run, characters)
    launched = run.steps * PER_LAYER_AND_STEP * (run.n_layer + 1)
    seconds = (trained + measured) * seconds_a_token(run) + launched
    return seeds * (max(seconds / GPU_SPEEDUP, run.steps * GPU_STEP) if on_gpu else seconds)


def seconds_to_read(run: Run, seeds: int, characters: int, checkpoints: int, on_gpu: bool) -> float:
    """Of computing all losses of so many checkpoints by the plain twin; to sample or to probe takes less."""
    tokens = checkpoints * measured_tokens(run, characters)
    return seeds * VERIFIED * tokens * seconds_a_token(run) / (GPU_SPEEDUP if on_gpu else 1)


def minutes(seconds: float, attempt: int) -> int:
    """What to ask for: with a margin, and twice as much at each further attempt."""
    return math.ceil(START_MINUTES + MARGIN * seconds / 60) * 2 ** (attempt - 1)


def megabytes(run: Run, on_gpu: bool, attempt: int) -> int:
    """Memory of the host to ask for: twice the estimate, and twice as much at each further attempt."""
    tokens = max(TOKENS_AT_ONCE, run.context)
    channels = CHANNEL_MB * run.n_layer * run.d_model * tokens / TOKENS_AT_ONCE
    attention = 12e-6 * tokens * run.context * run.n_head
    estimate = max(LEAST_MB, math.ceil(2 * (BASE_MB + channels + attention)))
    return (estimate + (CUDA_MB if on_gpu else 0)) * 2 ** (attempt - 1)
