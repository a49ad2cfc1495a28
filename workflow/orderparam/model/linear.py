"""Linear maps by oneDNN, whose products in single precision outrun those of the BLAS that PyTorch calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class Linear(nn.Linear):
    """nn.Linear: (..., in_features) in, (..., out_features) out.

    On a CPU, float32 maps go through oneDNN where PyTorch has it and `torch.backends.mkldnn` is enabled.
    """

    relu = False
    packed_weight: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.packed_weight is not None:
            return _product(x, self.packed_weight, self.bias, self.relu)
        if _takes_onednn(x):
            output: Tensor = _OneDnnLinear.apply(x, self.weight, self.bias, self.relu)
            return output
        output = super().forward(x)
        return output.relu() if self.relu else output


class LinearReLU(Linear):
    """A Linear followed by ReLU, which oneDNN applies on the way out."""

    relu = True


@contextmanager
def packed_weights(model: nn.Module, rows: int) -> Iterator[None]:
    """Lay the weights of the Linear maps of `model` out once, as oneDNN wants them for inputs of `rows` rows.

    For many products with the same weights. Within the block the maps have no gradients, and a change of
    their weights has no effect.
    """
    maps = [m for m in model.modules() if isinstance(m, Linear) and _takes_onednn(m.weight)]
    try:
        for m in maps:
            m.packed_weight = torch.ops.mkldnn._reorder_linear_weight(m.weight.detach(), rows)
        yield
    finally:
        for m in maps:
            m.packed_weight = None


def _takes_onednn(x: Tensor) -> bool:
    mkldnn: Any = torch.backends.mkldnn
    return bool(x.is_cpu and x.dtype == torch.float32 and mkldnn.is_available() and mkldnn.enabled)


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None, relu: bool = False) -> Tensor:
    # The operator that PyTorch's own compiler puts in place of a linear map.
    output: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "relu" if relu else "none", [], "")
    return output


class _OneDnnLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, relu: bool) -> Tensor:
        output = _product(x, weight, bias, relu)
        ctx.save_for_backward(x, weight, output if relu else None)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None, None]:
        x, weight, output = ctx.saved_tensors
        if output is not None:
            grad = torch.ops.aten.threshold_backward(grad, output, 0)
        of_x = _product(grad, weight.t()) if ctx.needs_input_grad[0] else None
        rows = grad.reshape(-1, grad.shape[-1])
        # Here BLAS is the faster one, as oneDNN has to transpose both of these first.
        of_weight = rows.t() @ x.reshape(-1, x.shape[-1])
        return of_x, of_weight, rows.sum(0) if ctx.needs_input_grad[2] else None, None
