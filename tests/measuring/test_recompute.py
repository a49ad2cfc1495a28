import dataclasses

import numpy as np
import pytest
from runs import CPU, finish, sequential

from orderparam.errors import RecordError
from orderparam.measuring.losses import gather_windows, window_starts
from orderparam.measuring.quantities import order_parameter
from orderparam.measuring.verification import recompute_losses, verify_job
from orderparam.tables import VERIFICATION
from orderparam.training.checkpoints import checkpoint_path, save_checkpoint


@pytest.fixture
def attention():
    return "causal"


@pytest.fixture
def finished(make_run, tokens, tmp_path, attention):
    """A trained run, its engine, its checkpoints' folder and the two splits."""
    run = make_run(n_layer=2, train_windows="all", val_windows=5, attention=attention)
    engine = finish(sequential(run, tokens), tmp_path)
    return run, engine, tmp_path / "checkpoints", tokens[:1800], tokens[1800:]


def verify(finished, trajectory=None, count="all"):
    run, engine, folder, train, val = finished
    if trajectory is None:
        trajectory = engine.histories[0].trajectory_table()
    return verify_job(run, [1], folder, trajectory, train, val, verified_checkpoints=count, device=CPU)


@pytest.mark.parametrize("attention", ["causal", "ablated"])
def test_losses_are_those_of_the_model_itself(finished):
    run, engine, _, train, val = finished
    model = engine.model.eval()
    for windows in (5, "all"):
        asked = dataclasses.replace(run, train_windows=windows, val_windows=windows)
        found = recompute_losses(model.state_dict(), asked, train, val, CPU)
        texts = gather_windows(val, window_starts(len(val), 8, windows), 8)
        residual = model.residual_stream(texts[:, :-1])
        log_p = model.logits(residual).double().log_softmax(-1)
        expected = -log_p.gather(-1, texts[:, 1:, None]).mean().item()
        assert found["val_loss"] == pytest.approx(expected, rel=1e-6)
        magnitude = residual.double().abs().mean().item()
        assert found["hidden_magnetization"] == pytest.approx(magnitude, rel=1e-6)


@pytest.mark.parametrize("attention", ["causal", "ablated"])
def test_an_honest_trajectory_agrees(finished):
    table = verify(finished)
    assert tuple(table.columns) == VERIFICATION.columns
    (agreement,) = table.itertuples()
    assert agreement.order_parameter_difference < 1e-12
    assert agreement.loss_difference < 1e-6
    assert (agreement.checkpoints, agreement.verified_checkpoints) == (3, 3)
    assert agreement.parameters == sum(p.numel() for p in finished[1].model.parameters())


@pytest.mark.parametrize("quantity", ["order_parameter", "train_loss", "val_loss", "hidden_magnetization"])
def test_a_changed_number_is_found_and_named(finished, quantity):
    trajectory = finished[1].histories[0].trajectory_table()
    trajectory.loc[trajectory["step"] == 10, quantity] *= 1 + 1e-4
    with pytest.raises(RecordError, match=rf"step-000010.*{quantity}"):
        verify(finished, trajectory)


def test_other_columns_are_not_looked_at(finished):
    trajectory = finished[1].histories[0].trajectory_table().assign(later=np.nan)
    assert verify(finished, trajectory)["verified_checkpoints"].tolist() == [3]


def test_a_missing_row_is_found_and_named(finished):
    trajectory = finished[1].histories[0].trajectory_table()
    with pytest.raises(RecordError, match="step 10"):
        verify(finished, trajectory[trajectory["step"] != 10])


def test_weights_of_another_step_are_found(finished):
    run, engine, folder, *_ = finished
    row = {**engine.histories[0].trajectory[0], "step": 10}
    save_checkpoint(folder, engine.model, run, engine.histories[0].seeds, row)
    assert float(order_parameter(engine.model.head.weight)) != row["order_parameter"]
    with pytest.raises(RecordError, match=r"step-000010.*order_parameter"):
        verify(finished)


def test_fewer_verified_checkpoints_include_the_last(finished):
    trajectory = finished[1].histories[0].trajectory_table()
    trajectory.loc[trajectory["step"] == 20, "train_loss"] += 0.1
    with pytest.raises(RecordError, match="step-000020"):
        verify(finished, trajectory, count=1)


def test_weights_of_another_architecture_are_refused(finished):
    run, engine, folder, train, val = finished
    other = dataclasses.replace(run, n_head=4)
    trajectory = engine.histories[0].trajectory_table()
    with pytest.raises(RecordError, match="loss"):
        verify_job(other, [1], folder, trajectory, train, val, verified_checkpoints="all", device=CPU)
    assert checkpoint_path(folder, 1, 0).exists()
