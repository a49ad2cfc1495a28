"""What a model has learnt: attention mass per head, distance to the n-gram predictors, spectrum of W_head.

Everything is measured on weights as they are, in evaluation mode, over a few windows of the validation
split; so it can be read off checkpoints at any time, and adding a probe never retrains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from orderparam.measuring.attention import attention_weights, blocks_of, singular_values
from orderparam.measuring.linear_response import critical_penalty, product_gradients
from orderparam.measuring.losses import gather_windows, window_starts
from orderparam.model.gpt import GPT
from orderparam.settings.experiment import Run
from orderparam.tables import PROBES
from orderparam.text.ngrams import NgramCounts
from orderparam.training.checkpoints import checkpoint_path, load_model
from orderparam.training.schedule import checkpoint_steps, is_controlled

OFFSETS = 4
RESPONSE_TOKENS = 131_072
ORDERS = 4
WINDOWS_AT_ONCE = 8
SINGULAR_VALUES = 16

Probe = dict[str, Any]
# Quantity, layer, head and order of a probe; with a sum over positions, and their number.
Key = tuple[str, int | None, int | None, int | None]
Part = tuple[Key, float, int]


@dataclass(frozen=True)
class ProbeWindows:
    """Validation windows and, for each, the n-gram predictions that a model's are compared with.

    `inputs` is (W, context), int64; `train`, (W', context + 1), are windows of the training split.
    `predictions[n - 1]`, float64, holds ln p of every possible next token by the n-gram predictor of order n
    from the training split: (W, context, V) for n = 1 and 2, and (W, context - n + 2, V) beyond, without the
    first n - 2 positions, where context is lacking.
    """

    inputs: Tensor
    predictions: list[Tensor]
    train: Tensor

    @classmethod
    def choose(
        cls,
        train_tokens: np.ndarray,
        val_tokens: np.ndarray,
        vocabulary_size: int,
        context: int,
        windows: int,
    ) -> ProbeWindows:
        """`windows` non-overlapping validation windows, evenly spaced, and all of orders 1 to 4 that fit."""
        starts = window_starts(len(val_tokens), context, windows)
        inputs = gather_windows(val_tokens, starts, context)[:, :-1]
        orders = min(ORDERS, context + 1, len(train_tokens))
        counts = NgramCounts.count(train_tokens, vocabulary_size, orders)
        predictions = []
        for order in range(1, orders + 1):
            # Order 1 also predicts the first token of a window, which the model does not.
            skipped = 1 if order == 1 else 0
            rows = [counts.predictive_log_probabilities(row, order)[skipped:] for row in inputs.numpy()]
            predictions.append(torch.from_numpy(np.stack(rows)))
        starts = window_starts(len(train_tokens), context, max(1, RESPONSE_TOKENS // context))
        return cls(inputs, predictions, gather_windows(train_tokens, starts, context))


@torch.no_grad()
def probe_model(model: GPT, windows: ProbeWindows) -> list[Probe]:
    """Rows of quantity, layer, head, order and value (the last three None where they do not apply).

    - `attention_mass`: mean weight that a head gives to the token `order` places back (0 is the token
      itself), over the positions that have one; dimensionless.
    - `ngram_divergence`: mean KL divergence D(n-gram predictor of `order` || model), nats per character,
      over the positions whose whole context lies in the window.
    - `head_spectral_norm`: largest singular value of W_head; `head_stable_rank`: ||W_head||_F^2 over its
      square (Rudelson & Vershynin 2007), NaN if W_head is zero.
    """
    model.eval()
    sums: dict[Key, tuple[float, int]] = {}
    for key, value, count in _probe_windows(model, windows):
        total, weight = sums.get(key, (0.0, 0))
        sums[key] = (total + value, weight + count)
    singular_values = torch.linalg.svdvals(model.head.weight.double())
    spectrum = {
        "head_spectral_norm": float(singular_values[0]),
        "head_stable_rank": float((singular_values / singular_values[0]).square().sum()),
    }
    found: dict[Key, float] = {(name, None, None, None): value for name, value in spectrum.items()}
    found |= {key: total / weight for key, (total, weight) in sums.items()}
    return [
        {"quantity": quantity, "layer": layer, "head": head, "order": order, "value": value}
        for (quantity, layer, head, order), value in found.items()
    ]


def probe_response(model: GPT, windows: ProbeWindows) -> list[Probe]:
    """The penalties below which a one-layer model's attention grows from nothing, linear_response.py.

    `critical_penalty_value_output` is that of O V = 0, `critical_penalty_query_key` that of each head's
    Q^T K = 0 at its own O V.
    """
    product, forms = product_gradients(model, windows.train)
    rows: list[tuple[str, int | None, Tensor]] = [("critical_penalty_value_output", None, product)]
    rows += [("critical_penalty_query_key", head, form) for head, form in enumerate(forms)]
    return [
        {"quantity": name, "layer": 0, "head": head, "order": None, "value": critical_penalty(gradient)}
        for name, head, gradient in rows
    ]


def probe_products(model: GPT) -> list[Probe]:
    """The largest singular values of each head's O V and Q^T K / sqrt(d_model), `order` from 1.

    `value_output_singular_value` and `query_key_singular_value`: at most the first 16 of a head.
    """
    return [
        {"quantity": f"{name}_singular_value", "layer": layer, "head": head, "order": order, "value": value}
        for layer, block in enumerate(blocks_of(model))
        if block.attends
        for name, of_heads in singular_values(block.attention).items()
        for head, values in enumerate(of_heads.tolist())
        for order, value in enumerate(values[:SINGULAR_VALUES], start=1)
    ]


def probe_checkpoints(
    run: Run, seeds: Sequence[int], checkpoints: Path, windows: ProbeWindows, device: torch.device
) -> pd.DataFrame:
    """The probes of every checkpoint of `seeds`, tables.PROBES; RecordError if one is damaged."""
    rows = []
    for seed in seeds:
        for step in checkpoint_steps(run):
            model = load_model(checkpoint_path(checkpoints, seed, step)).to(device)
            of_step = {"size": run.size, "seed": seed, "step": step}
            rows += [of_step | probe for probe in probe_model(model, windows)]
            # How much of attention's products a penalty leaves, and below which they would grow.
            if run.n_layer == 1 and is_controlled(run):
                rows += [of_step | probe for probe in probe_products(model)]
                rows += [of_step | probe for probe in probe_response(model, windows)]
    table = PROBES.frame(rows)
    return table.astype(dict.fromkeys(("layer", "head", "order"), "Int64"))


def _probe_windows(model: GPT, windows: ProbeWindows) -> Iterator[Part]:
    device = model.head.weight.device
    for first in range(0, len(windows.inputs), WINDOWS_AT_ONCE):
        part = slice(first, first + WINDOWS_AT_ONCE)
        inputs = windows.inputs[part]
        x = model.token_embedding(inputs.to(device)) + model.position_embedding.weight[: inputs.shape[1]]
        for layer, block in enumerate(blocks_of(model)):
            if block.attends:
                weights = attention_weights(block.attention, block.attention_norm(x))
                for offset in range(min(OFFSETS, inputs.shape[1])):
                    for head, mass in enumerate(weights.diagonal(-offset, 2, 3).unbind(1)):
                        total = float(mass.sum(dtype=torch.float64))
                        yield ("attention_mass", layer, head, offset), total, mass.numel()
            x = block(x)
        log_q = F.log_softmax(model.logits(x).double(), -1).cpu()
        for order, table in enumerate(windows.predictions, start=1):
            log_p = table[part]
            divergence = (log_p.exp() * (log_p - log_q[:, max(order - 2, 0) :])).sum(-1)
            yield ("ngram_divergence", None, None, order), float(divergence.sum()), divergence.numel()
