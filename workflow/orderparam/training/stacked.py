"""The runs of several seeds at once: the engine for CUDA, a step being one CUDA graph.

On other devices the same step runs operation by operation, which is how it is tested.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from orderparam.errors import TrainingError
from orderparam.measuring.losses import SplitMeasurement
from orderparam.model.gpt import GPT, build_model_of_run
from orderparam.settings.experiment import Run, Seeds, digest
from orderparam.training.device import autocast, matmul_precision
from orderparam.training.engine import Engine, Weights
from orderparam.training.optimizer import build_optimizer
from orderparam.training.schedule import is_controlled
from orderparam.training.stacked_model import StackedGPT, measure_stack

GRAPHS_VARIABLE = "ORDERPARAM_CUDA_GRAPHS"
COMPILE_VARIABLE = "ORDERPARAM_COMPILE"
STEPS_DRAWN_AHEAD = 500
STEPS_PER_READING = 100  # fewer would slow training, more would let a signal wait longer
WARM_UP_STEPS = 3
# Without cuDNN's attention: its releases differ in whether a CUDA graph may hold it.
ATTENTION_KERNELS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


class StackedEngine(Engine):
    """The runs of several seeds in progress.

    Initial weights and batches are each seed's own, the same as with `SequentialEngine`; `initial` has other
    weights for each seed. Dropout masks come from the device's one generator, seeded from all dropout seeds,
    so a seed's run depends on which seeds share its job. The environment variable
    ORDERPARAM_CUDA_GRAPHS=off, or `graphs`, does without CUDA graphs; ORDERPARAM_COMPILE=on, or `compiled`,
    has loss and backward pass compiled by PyTorch, within the graph where there is one.
    """

    def __init__(
        self,
        run: Run,
        seeds: Sequence[Seeds],
        vocabulary_size: int,
        train_tokens: np.ndarray,
        val_tokens: np.ndarray,
        device: torch.device,
        initial: Sequence[Weights] | None = None,
        precision: str = "float32",
        graphs: bool | None = None,
        compiled: bool | None = None,
    ) -> None:
        if is_controlled(run) or run.anneal_to < 1:
            raise TrainingError(
                f"{run.experiment} {run.size}: sweep, frozen, penalised, kick and anneal_to are for one "
                "seed at a time; set seeds_per_job to 1"
            )
        super().__init__(run, seeds, train_tokens, val_tokens, device, precision)
        if device.index is not None and device.type == "cuda":
            torch.cuda.set_device(device)
        if graphs is None:
            graphs = os.environ.get(GRAPHS_VARIABLE, "on") != "off"
        if compiled is None:
            compiled = os.environ.get(COMPILE_VARIABLE, "off") == "on"
        self._wants_graph = graphs and device.type == "cuda"
        self._graph: torch.cuda.CUDAGraph | None = None
        self._models = [build_model_of_run(run, each.weights, vocabulary_size).eval() for each in seeds]
        for model, weights in zip(self._models, initial or (), strict=False):
            model.load_state_dict(weights)
        with matmul_precision("float32"):
            self.model = StackedGPT(run, [model.to(device) for model in self._models])
        self.weights = self.model.weights
        self._losses = _compiled(self._losses_of_seeds, device) if compiled else self._losses_of_seeds
        self.optimizer = build_optimizer(run, self.model.weights, capturable=self._wants_graph)
        self._on_device = {
            name: (_to_device(tokens, device), torch.from_numpy(starts).to(device))
            for name, (tokens, starts) in self.splits.items()
        }
        self._offsets = torch.arange(run.context + 1, device=device)
        self._record = torch.zeros(STEPS_DRAWN_AHEAD, 2, len(seeds), dtype=torch.float64, device=device)
        shape = (STEPS_DRAWN_AHEAD, len(seeds), run.batch_size)
        self._starts = torch.zeros(shape, dtype=torch.int64, device=device)
        self._place = torch.zeros(1, dtype=torch.int64, device=device)
        self._draw_ahead()
        torch.manual_seed(dropout_seed(seeds))

    def models(self) -> list[GPT]:
        """Each seed's model with the present weights, on the device, in evaluation mode."""
        self.model.copy_to(self._models)
        return self._models

    def measure_splits(self, between_batches: Callable[[], None]) -> list[dict[str, SplitMeasurement]]:
        """For each seed what was measured over `train` and over `val`, all seeds at once."""
        with sdpa_kernel(ATTENTION_KERNELS):
            measured = {
                name: measure_stack(self.model, *split, between_batches)
                for name, split in self._on_device.items()
            }
        return [
            {name: of_split[seed] for name, of_split in measured.items()}
            for seed in range(len(self.histories))
        ]

    def advance(self, until: int) -> None:
        """Make at least one update, and none beyond step `until`; the host reads their b and losses once."""
        if self._used == STEPS_DRAWN_AHEAD:
            self._draw_ahead()
        count = min(until - self.step, STEPS_DRAWN_AHEAD - self._used, STEPS_PER_READING)
        with matmul_precision(self.precision), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*capturable=True")
            if self._wants_graph and self.step == 0:
                # The first update sets up the optimizer's state, which a graph needs in its final place.
                count = 1
            elif self._wants_graph and self._graph is None:
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

    def _draw_ahead(self) -> None:
        """Draw the next batches' starts to the device; `_before` are the generators' states before."""
        self._before = [sampler.generator.get_state() for sampler in self.samplers]
        drawn = [sampler.draw_starts(STEPS_DRAWN_AHEAD) for sampler in self.samplers]
        self._starts.copy_(torch.stack(drawn, 1))
        self._place.zero_()
        self._used = 0

    def _update(self) -> None:
        """One step, from the drawn starts to the buffer; the host reads nothing, so a graph can hold it."""
        starts = self._starts.index_select(0, self._place)[0]
        train_tokens, _ = self._on_device["train"]
        windows = train_tokens[starts[..., None] + self._offsets].long()
        head = self.model.weights["head.weight"].detach()
        b = torch.linalg.vector_norm(head, dim=(1, 2), dtype=torch.float64) / head.shape[-1]
        self.optimizer.zero_grad(set_to_none=True)
        with sdpa_kernel(ATTENTION_KERNELS), autocast(self.precision, self.device):
            batch_losses = self._losses(windows)
        # A seed's parameters occur in its own loss only, so the gradient of the sum is that of each loss.
        batch_losses.sum().backward()
        self.optimizer.step()
        row = torch.stack((b, batch_losses.detach().double()))
        self._record.index_copy_(0, self._place, row[None])
        self._place.add_(1)

    def _losses_of_seeds(self, windows: Tensor) -> Tensor:
        losses, _ = self.model.losses(windows)
        return losses.mean(1)

    def _capture(self) -> torch.cuda.CUDAGraph:
        """A graph of one step.

        Some steps are made before on the same stream: PyTorch then chooses kernels and allocates workspaces,
        which it may not do in a graph. Raises TrainingError where PyTorch refuses.
        """
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream(self.device)
        with self._undisturbed():
            stream.wait_stream(torch.cuda.current_stream(self.device))
            with torch.cuda.stream(stream):
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
        tensors = self.tensors()
        saved = {name: tensor.clone() for name, tensor in tensors.items()}
        place, generators = self._place.clone(), self.generators()
        self._place.zero_()
        yield
        # Copied in place: a graph would go on using the address of a tensor that is replaced.
        for name, tensor in tensors.items():
            tensor.copy_(saved[name])
        self._place.copy_(place)
        self.set_generators(generators)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Engine's, with the batches' generators before the last draw, and how many of its steps are used."""
        tensors, values = super().state()
        tensors |= {f"generator.batches.{place}": state for place, state in enumerate(self._before)}
        return tensors, values | {"used": self._used}

    def restore(self, step: int, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Take up the state that another process left after `step` updates."""
        super().restore(step, tensors, values)
        self._draw_ahead()
        self._used = values["used"]
        self._place.fill_(self._used)
        self._graph = None  # since the optimizer's state lies elsewhere now


def _compiled(function: Callable[[Tensor], Tensor], device: torch.device) -> Callable[[Tensor], Tensor]:
    """Kernels fused on CUDA; elsewhere the same capture of forward and backward pass, for tests."""
    if device.type == "cuda":
        # Tuned ones (max-autotune-no-cudagraphs) take minutes to find: docs/engine.md.
        return torch.compile(function)
    return torch.compile(function, backend="aot_eager")


def dropout_seed(seeds: Sequence[Seeds]) -> int:
    """The seed of the one generator from which a stack's dropout masks come."""
    return int(digest([each.dropout for each in seeds])[:15], 16)


def _to_device(tokens: np.ndarray, device: torch.device) -> Tensor:
    # PyTorch has few operations for uint16, so tokens of many characters become int32.
    return torch.from_numpy(tokens.astype(np.uint8 if tokens.dtype == np.uint8 else np.int32)).to(device)
