"""The engine for CUDA: the runs of all seeds of a job at once, a step being one CUDA graph.

On other devices the same step runs operation by operation, which is how it is tested.
"""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from orderparam.errors import TrainingError
from orderparam.measuring.losses import order_parameter, window_starts
from orderparam.model.gpt import GPT, build_model_of_run
from orderparam.settings.experiment import Run, Seeds, digest
from orderparam.training.batches import StackedStarts
from orderparam.training.engine import History, Weights, trajectory_row
from orderparam.training.optimizer import build_optimizer
from orderparam.training.stacked_model import StackedGPT, measure_stack
from orderparam.training.stop import StopRequest

GRAPHS_VARIABLE = "ORDERPARAM_CUDA_GRAPHS"
STEPS_DRAWN_AHEAD = 500
STEPS_PER_READING = 100  # how long a signal may have to wait, against a pause for the host to read
WARM_UP_STEPS = 3
# cuDNN's attention is left out: it differs from release to release in what a graph may hold.
ATTENTION_KERNELS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


class StackedTrainer:
    """The runs of several seeds in progress (an Engine); `step` counts the updates made.

    Initial weights and batches are each seed's own, the same as with `Trainer`; `initial` has other weights
    for each seed. Dropout masks come from the device's one generator, seeded from all dropout seeds, so a
    seed's run depends on which seeds share its job. `precision` is that of training, measurements are in
    float32. The environment variable ORDERPARAM_CUDA_GRAPHS=off, or `graphs`, does without CUDA graphs.
    """

    def __init__(
        self,
        run: Run,
        seeds: Sequence[Seeds],
        vocabulary_size: int,
        train_tokens: np.ndarray,
        val_tokens: np.ndarray,
        device: torch.device,
        stop: StopRequest | None = None,
        initial: Sequence[Weights] | None = None,
        precision: str = "float32",
        graphs: bool | None = None,
    ) -> None:
        if device.index is not None and device.type == "cuda":
            torch.cuda.set_device(device)
        self.run = run
        self.device = device
        self.stop = stop or StopRequest()
        self.precision = precision
        self.histories = [History(run, each) for each in seeds]
        self.step = 0
        if graphs is None:
            graphs = os.environ.get(GRAPHS_VARIABLE, "on") != "off"
        self._wants_graph = graphs and device.type == "cuda"
        self._models = [model.to(device) for model in _build_models(run, seeds, vocabulary_size, initial)]
        with _matmul_precision("highest"):
            self.model = StackedGPT(run, self._models)
        self.optimizer = build_optimizer(run, self.model.weights.values(), capturable=self._wants_graph)
        for parameter in self.model.weights.values():
            # What the first update would set up, here since a graph needs it in its final place.
            self.optimizer.state[parameter] = {
                "step": torch.zeros((), device=device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        self.splits = {
            name: (_to_device(tokens, device), _starts(tokens, run.context, windows, device))
            for name, tokens, windows in (
                ("train", train_tokens, run.train_windows),
                ("val", val_tokens, run.val_windows),
            )
        }
        self._sampler = StackedStarts(
            len(train_tokens), run.context, run.batch_size, [each.batches for each in seeds]
        )
        self._used = STEPS_DRAWN_AHEAD  # of the starts on the device
        self._place = torch.zeros(1, dtype=torch.int64, device=device)
        self._starts = torch.zeros(
            STEPS_DRAWN_AHEAD, len(seeds), run.batch_size, dtype=torch.int64, device=device
        )
        self._offsets = torch.arange(run.context + 1, device=device)
        self._record = torch.zeros(STEPS_DRAWN_AHEAD, 2, len(seeds), dtype=torch.float64, device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        torch.manual_seed(dropout_seed(seeds))

    def models(self) -> list[GPT]:
        """Each seed's model with the present weights, on the device, in evaluation mode."""
        self.model.copy_to(self._models)
        return self._models

    def is_measured(self) -> bool:
        """Whether the present step has its rows in the trajectories."""
        rows = self.histories[0].trajectory
        return bool(rows) and rows[-1]["step"] == self.step

    def measure_all(self) -> list[dict[str, Any]]:
        """Measure all weights as they are, append a row to each history and return the rows."""
        with _matmul_precision("highest"), sdpa_kernel(ATTENTION_KERNELS):
            train, val = (
                measure_stack(self.model, *self.splits[name], self.stop.raise_if_received)
                for name in ("train", "val")
            )
        rows = [
            trajectory_row(
                history,
                self.step,
                float(order_parameter(head)),
                train[seed].loss,
                val[seed].loss,
                val[seed].hidden_magnetization,
            )
            for seed, (history, head) in enumerate(
                zip(self.histories, self.model.weights["head.weight"].detach(), strict=True)
            )
        ]
        for history, row in zip(self.histories, rows, strict=True):
            history.trajectory.append(row)
        return rows

    def advance(self, until: int) -> None:
        """Make at least one update, and none beyond step `until`; the host reads what they recorded once."""
        if self._used == STEPS_DRAWN_AHEAD:
            self._starts.copy_(self._sampler.draw(STEPS_DRAWN_AHEAD))
            self._place.zero_()
            self._used = 0
        count = min(until - self.step, STEPS_DRAWN_AHEAD - self._used, STEPS_PER_READING)
        with _matmul_precision("high" if self.precision == "tf32" else "highest"):
            if self._wants_graph and self._graph is None:
                self._graph = self._capture()
            for _ in range(count):
                if self._graph is None:
                    self._update()
                else:
                    self._graph.replay()
        recorded = self._record[self._used : self._used + count].cpu()
        for history, steps in zip(self.histories, recorded.permute(2, 0, 1).tolist(), strict=True):
            history.steps += [(b, loss) for b, loss in steps]
        self._used += count
        self.step += count

    def _update(self) -> None:
        """One step, from the drawn starts to the record; the host hears nothing, so a graph can hold it."""
        starts = self._starts.index_select(0, self._place)[0]
        train_tokens, _ = self.splits["train"]
        windows = train_tokens[starts[..., None] + self._offsets].long()
        head = self.model.weights["head.weight"].detach()
        b = torch.linalg.vector_norm(head, dim=(1, 2), dtype=torch.float64) / head.shape[-1]
        self.optimizer.zero_grad(set_to_none=True)
        bf16 = self.precision == "bf16"
        with (
            sdpa_kernel(ATTENTION_KERNELS),
            torch.autocast(self.device.type, torch.bfloat16, enabled=bf16, cache_enabled=False),
        ):
            losses, _ = self.model.losses(windows)
            batch_losses = losses.mean(1)
        # Each seed's parameters meet their own loss only, so the sum's gradient is that of each.
        batch_losses.sum().backward()
        self.optimizer.step()
        row = torch.stack((b, batch_losses.detach().double()))
        self._record.index_copy_(0, self._place, row[None])
        self._place.add_(1)

    def _capture(self) -> torch.cuda.CUDAGraph:
        """A graph of one step.

        Steps made before on the same stream settle what a graph may not do: choice of kernels, workspaces.
        Raises TrainingError where PyTorch refuses.
        """
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream(self.device)
        with self._undisturbed():
            stream.wait_stream(torch.cuda.current_stream(self.device))
            with torch.cuda.stream(stream), warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*capturable=True")
                for _ in range(WARM_UP_STEPS):
                    self._update()
            torch.cuda.current_stream(self.device).wait_stream(stream)
            try:
                with torch.cuda.graph(graph, stream=stream):
                    self._update()
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                raise TrainingError(
                    f"{self.run.experiment} {self.run.size}: PyTorch {torch.__version__} cannot make a CUDA "
                    f"graph of a step; {GRAPHS_VARIABLE}=off in the environment does without ({error})"
                ) from error
        return graph

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Updates within the block leave weights, optimizer, generators and place as they were."""
        saved = {name: tensor.clone() for name, tensor in self._tensors().items()}
        place, generators = self._place.clone(), self._generators()
        yield
        self._overwrite(saved)
        self._place.copy_(place)
        self._set_generators(generators)

    def _generators(self) -> dict[str, Tensor]:
        states = {"generator.default": torch.get_rng_state()}
        if self.device.type == "cuda":
            states["generator.cuda"] = torch.cuda.get_rng_state(self.device)
        return states

    def _set_generators(self, states: dict[str, Tensor]) -> None:
        torch.set_rng_state(states["generator.default"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(states["generator.cuda"], self.device)

    def _tensors(self) -> dict[str, Tensor]:
        """The live tensors that an update changes, by name."""
        tensors = {f"model.{name}": weight.detach() for name, weight in self.model.weights.items()}
        for name, weight in self.model.weights.items():
            for key, tensor in self.optimizer.state[weight].items():
                tensors[f"optimizer.{name}.{key}"] = tensor
        return tensors

    def _overwrite(self, values: dict[str, Tensor]) -> None:
        # In place: a graph knows its tensors by their address.
        for name, tensor in self._tensors().items():
            tensor.copy_(values[name])

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that `restore` needs to go on: tensors by name, and JSON values."""
        tensors = self._tensors() | self._generators()
        fresh = self._used == STEPS_DRAWN_AHEAD
        states = self._sampler.states() if fresh else self._sampler.states_after(self._used)
        tensors |= {f"generator.batches.{seed}": state for seed, state in enumerate(states)}
        steps = [history.steps for history in self.histories]
        tensors["history.steps"] = torch.tensor(steps, dtype=torch.float64).reshape(len(steps), -1, 2)
        return tensors, {"trajectory": [row for history in self.histories for row in history.trajectory]}

    def restore(self, step: int, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Take up the state that another process left after `step` updates."""
        self._overwrite(tensors)
        self._set_generators(tensors)
        self._sampler.restore([tensors[f"generator.batches.{i}"] for i in range(len(self.histories))])
        self._used = STEPS_DRAWN_AHEAD
        for history, steps in zip(self.histories, tensors["history.steps"].tolist(), strict=True):
            history.steps = [(b, loss) for b, loss in steps]
            seed = history.seeds.seed
            history.trajectory = [row for row in values["trajectory"] if row["seed"] == seed]
        self.step = step


def dropout_seed(seeds: Sequence[Seeds]) -> int:
    """The seed of the one generator from which a stack's dropout masks come."""
    return int(digest([each.dropout for each in seeds])[:15], 16)


@contextmanager
def _matmul_precision(name: str) -> Iterator[None]:
    previous = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(previous)


def _build_models(
    run: Run, seeds: Sequence[Seeds], vocabulary_size: int, initial: Sequence[Weights] | None
) -> list[GPT]:
    built: dict[int, GPT] = {}
    for each in seeds:
        if each.weights not in built:
            built[each.weights] = build_model_of_run(run, each.weights, vocabulary_size)
    models = [copy.deepcopy(built[each.weights]).eval() for each in seeds]
    for model, weights in zip(models, initial or (), strict=False):
        model.load_state_dict(weights)
    return models


def _to_device(tokens: np.ndarray, device: torch.device) -> Tensor:
    # PyTorch indexes few kinds of unsigned integers on a GPU.
    return torch.from_numpy(tokens.astype(np.uint8 if tokens.dtype == np.uint8 else np.int32)).to(device)


def _starts(tokens: np.ndarray, context: int, windows: Any, device: torch.device) -> Tensor:
    return torch.from_numpy(window_starts(len(tokens), context, windows)).to(device)
