import dataclasses

import pytest
import torch

from orderparam.errors import RecordError
from orderparam.measuring.losses import order_parameter
from orderparam.measuring.verification import residual_stream, verify_run
from orderparam.training.checkpoints import checkpoint_path, save_checkpoint
from orderparam.training.schedule import checkpoint_steps
from orderparam.training.sequential import Trainer

CPU = torch.device("cpu")


@pytest.fixture
def attention():
    return "causal"


@pytest.fixture
def finished(make_run, seeds, tokens, tmp_path, attention):
    """A trained run: its checkpoints' folder, its trajectory and the two splits."""
    run = make_run(n_layer=2, train_windows="all", val_windows=5, attention=attention)
    trainer = Trainer(run, seeds, 11, tokens[:1800], tokens[1800:], CPU)
    while True:
        row = trainer.measure()
        if trainer.step in checkpoint_steps(run):
            save_checkpoint(tmp_path, trainer.model, run, seeds, row)
        if trainer.step == run.steps:
            break
        trainer.update()
    return run, trainer, tmp_path, tokens[:1800], tokens[1800:]


def verify(finished, trajectory=None, count="all"):
    run, trainer, folder, train, val = finished
    if trajectory is None:
        trajectory = trainer.history.trajectory_table()
    return verify_run(run, 1, folder, trajectory, train, val, verified_checkpoints=count, device=CPU)


def test_residual_stream_is_the_models(finished, tokens):
    model = finished[1].model.eval().double()
    windows = torch.from_numpy(tokens[:24].astype("int64")).view(3, 8)
    with torch.no_grad():
        expected = model.residual_stream(windows)
        found = residual_stream(dict(model.state_dict()), windows, n_head=2, n_layer=2)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("attention", ["causal", "ablated"])
def test_an_honest_trajectory_agrees(finished):
    agreement = verify(finished)
    assert agreement.order_parameter_difference < 1e-12
    assert agreement.loss_difference < 1e-6
    assert (agreement.checkpoints, agreement.verified_checkpoints) == (3, 3)
    assert agreement.parameters == sum(p.numel() for p in finished[1].model.parameters())


@pytest.mark.parametrize("quantity", ["order_parameter", "train_loss", "val_loss", "hidden_magnetization"])
def test_a_changed_number_is_found_and_named(finished, quantity):
    trajectory = finished[1].history.trajectory_table()
    trajectory.loc[trajectory["step"] == 10, quantity] *= 1 + 1e-4
    with pytest.raises(RecordError, match=rf"step-000010.*{quantity}"):
        verify(finished, trajectory)


def test_a_missing_row_is_found_and_named(finished):
    trajectory = finished[1].history.trajectory_table()
    with pytest.raises(RecordError, match="step 10"):
        verify(finished, trajectory[trajectory["step"] != 10])


def test_weights_of_another_step_are_found(finished):
    run, trainer, folder, *_ = finished
    row = {**trainer.history.trajectory[0], "step": 10}
    save_checkpoint(folder, trainer.model, run, trainer.history.seeds, row)
    assert float(order_parameter(trainer.model.head.weight)) != row["order_parameter"]
    with pytest.raises(RecordError, match=r"step-000010.*order_parameter"):
        verify(finished)


def test_fewer_verified_checkpoints_include_the_last(finished):
    trajectory = finished[1].history.trajectory_table()
    trajectory.loc[trajectory["step"] == 20, "train_loss"] += 0.1
    with pytest.raises(RecordError, match="step-000020"):
        verify(finished, trajectory, count=1)


def test_weights_of_another_architecture_are_refused(finished):
    run, trainer, folder, train, val = finished
    other = dataclasses.replace(run, n_head=4)
    trajectory = trainer.history.trajectory_table()
    with pytest.raises(RecordError, match="loss"):
        verify_run(other, 1, folder, trajectory, train, val, verified_checkpoints="all", device=CPU)
    assert checkpoint_path(folder, 1, 0).exists()
