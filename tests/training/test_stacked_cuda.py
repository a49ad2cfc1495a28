"""What only a GPU can show: that a captured step is the step, and that it can be left and taken up."""

import numpy as np
import pytest
import torch
from runs import SEEDS, advance, sequential, stacked

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

CUDA = torch.device("cuda")


@pytest.fixture(autouse=True)
def nondeterministic():
    # Jobs on a CPU, of tests in the same process, ask for the opposite, and for other kernels with it.
    torch.use_deterministic_algorithms(False)


def stack_of(run, tokens, **options):
    return stacked(run, tokens, device=CUDA, **options)


def run_to(stack, step):
    advance(stack, step)
    return torch.tensor([history.steps for history in stack.histories])


def check_graph(run, tokens, steps, precision):
    without, with_graph = (
        run_to(stack_of(run, tokens, graphs=graphs, precision=precision), steps) for graphs in (False, True)
    )
    # Masks are the same: the warm-up leaves the generator as it was.
    torch.testing.assert_close(with_graph, without, rtol=1e-2 if precision == "bf16" else 1e-3, atol=0)


@pytest.fixture
def cuda_run(make_run):
    def make(**overrides):
        return make_run(device="cuda", context=32, d_model=32, n_layer=2, steps=600, **overrides)

    return make


@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
def test_a_graph_makes_the_steps_that_it_was_captured_from(cuda_run, tokens, precision):
    check_graph(cuda_run(), tokens, 20, precision)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_so_does_a_graph_at_the_protocols_context_and_batch(make_run, tokens, precision):
    # Backward passes of embedding and attention have other kernels for more tokens and longer windows.
    run = make_run(device="cuda", context=256, batch_size=64, d_model=32, steps=600)
    check_graph(run, np.tile(tokens, 4), 10, precision)


def test_more_windows_than_attention_takes_at_once(make_run, tokens):
    run = make_run(device="cuda", context=1, batch_size=32_768)
    stack = stack_of(run, tokens)
    run_to(stack, 3)
    assert all(0 < loss < 5 for history in stack.histories for _, loss in history.steps)


def test_masks_differ_from_replay_to_replay(cuda_run, tokens):
    run = cuda_run(learning_rate=1e-30, weight_decay=0.0, batch_size=1)
    stack = stack_of(run, tokens)
    stack.advance(until=1)
    stack._starts.zero_()
    run_to(stack, 9)
    losses = {loss for _, loss in stack.histories[0].steps[1:]}
    assert len(losses) == 8


def test_without_dropout_a_gpu_follows_a_cpu(cuda_run, tokens):
    run = cuda_run(dropout=0.0)
    found = run_to(stack_of(run, tokens), 50)
    for place, seeds in enumerate(SEEDS):
        alone = sequential(run, tokens, seeds)
        for _ in range(50):
            alone.update()
        torch.testing.assert_close(found[place], torch.tensor(alone.histories[0].steps), rtol=1e-3, atol=0)


@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
def test_the_sequential_engine_on_a_gpu_follows_a_cpu(cuda_run, tokens, precision):
    run = cuda_run(dropout=0.0)
    on_gpu, on_cpu = sequential(run, tokens, device=CUDA, precision=precision), sequential(run, tokens)
    for _ in range(20):
        assert on_gpu.update() == pytest.approx(on_cpu.update(), rel=1e-3 if precision == "float32" else 1e-2)
    (found,), (expected,) = on_gpu.measure(), on_cpu.measure()
    assert found["val_loss"] == pytest.approx(expected["val_loss"], rel=1e-2)


def test_measurements_are_those_of_a_cpu(cuda_run, tokens):
    run = cuda_run()
    rows = stack_of(run, tokens, precision="tf32").measure()
    for seeds, row in zip(SEEDS, rows, strict=True):
        alone = sequential(run, tokens, seeds)
        (expected,) = alone.measure()
        for name in ("order_parameter", "train_loss", "val_loss", "hidden_magnetization"):
            assert row[name] == pytest.approx(expected[name], rel=1e-5)


def test_a_state_is_taken_up_before_and_after_a_capture(cuda_run, tokens):
    run = cuda_run()
    whole = stack_of(run, tokens)
    run_to(whole, 510)
    state = whole.state()
    kept = {name: tensor.detach().cpu().clone() for name, tensor in state[0].items()}
    expected = run_to(whole, 530)
    fresh = stack_of(run, tokens)
    fresh.restore(510, kept, state[1])
    torch.testing.assert_close(run_to(fresh, 530), expected, rtol=1e-3, atol=0)
    whole.restore(510, kept, state[1])
    torch.testing.assert_close(run_to(whole, 530), expected, rtol=1e-3, atol=0)
