"""What a CUDA graph asks of a step, as far as a CPU tells: the same operations, none that the host awaits."""

import numpy as np
import pytest
import torch
from runs import SEEDS, stacked
from torch.utils._python_dispatch import TorchDispatchMode

# Their result's value or shape is known on the device only.
READ_BY_THE_HOST = (
    "_local_scalar_dense",
    "equal",
    "is_nonzero",
    "masked_select",
    "nonzero",
    "repeat_interleave.Tensor",
    "_unique",
    "unique_",
)


class Operations(TorchDispatchMode):
    """The operations within the block, with the shapes and dtypes of their tensors."""

    def __init__(self):
        super().__init__()
        self.made = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        tensors = [x for x in torch.utils._pytree.tree_leaves(args) if isinstance(x, torch.Tensor)]
        self.made.append((str(func), tuple((tuple(x.shape), x.dtype) for x in tensors)))
        return func(*args, **(kwargs or {}))

    def read_by_the_host(self):
        """Names of those whose result the host would wait for."""
        names = {name.removeprefix("aten.") for name, _ in self.made}
        by_mask = {
            name.removeprefix("aten.")
            for name, tensors in self.made
            if "index" in name and any(dtype == torch.bool for _, dtype in tensors)
        }
        return {name for name in names if name.startswith(READ_BY_THE_HOST)} | by_mask


def operations_of_a_step(stack):
    with Operations() as operations:
        stack._update()
    return operations


@pytest.fixture
def stack(make_run, tokens):
    return lambda run=None, **options: stacked(make_run(**run or {}), tokens, SEEDS[:2], **options)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize(
    "run",
    [
        {},
        {"attention": "ablated"},
        {"attention_dropout": False, "output_dropout": False},
        {"dropout": 0.0},
        {"regularizer": "l2"},
    ],
    ids=str,
)
def test_steps_are_alike_and_the_host_hears_nothing_of_them(stack, run, precision):
    made = stack(run=run, precision=precision)
    made.advance(until=3)
    first, second = operations_of_a_step(made), operations_of_a_step(made)
    assert len(first.made) > 50
    assert first.made == second.made
    assert not first.read_by_the_host()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_step_is_the_same_step(stack):
    plain, compiled = (
        stack(run={"n_layer": 2, "dropout": 0.0}),
        stack(run={"n_layer": 2, "dropout": 0.0}, compiled=True),
    )
    for made in (plain, compiled):
        made.advance(until=3)
    for own, other in zip(plain.histories, compiled.histories, strict=True):
        np.testing.assert_allclose(own.steps, other.steps, rtol=1e-5)


def test_what_a_graph_holds_stays_where_it_is(stack):
    made = stack()

    def places():
        held = made.tensors() | {"place": made._place, "starts": made._starts, "record": made._record}
        return {name: tensor.data_ptr() for name, tensor in held.items()}

    # The first update sets up the optimizer's state; a graph holds those after it.
    made.advance(until=1)
    before = places()
    made.advance(until=5)
    made.measure()
    with made._undisturbed():
        made._update()
    made.advance(until=6)
    assert places() == before
