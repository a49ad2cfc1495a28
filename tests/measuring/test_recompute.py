import dataclasses

import numpy as np
import pytest
from runs import CPU, finish, sequential, write_corpus

from orderparam.errors import RecordError
from orderparam.measuring.losses import gather_windows, window_starts
from orderparam.measuring.verification import recompute_losses, verify_job
from orderparam.tables import VERIFICATION
from orderparam.text.ngrams import in_context_entropies, window_entropies
from orderparam.training.checkpoints import save_checkpoint
from orderparam.training.job import JobPaths, train_job


@pytest.fixture
def finished(request, make_run, tokens, tmp_path):
    """A trained run, its engine, its checkpoints' folder and the two splits."""
    attention = getattr(request, "param", "causal")
    run = make_run(n_layer=2, train_windows="all", val_windows=5, attention=attention)
    engine = finish(sequential(run, tokens), tmp_path)
    return run, engine, tmp_path / "checkpoints", tokens[:1800], tokens[1800:]


def trajectory_of(finished):
    return finished[1].histories[0].trajectory_table()


def verify(finished, trajectory, count="all", **changes):
    run, _, folder, *splits = finished
    run = dataclasses.replace(run, **changes)
    return verify_job(run, [1], folder, trajectory, *splits, verified_checkpoints=count, device=CPU)


both = pytest.mark.parametrize("finished", ["causal", "ablated"], indirect=True)


@both
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


@both
def test_an_honest_trajectory_agrees(finished):
    # Columns that a later version measures are not looked at.
    table = verify(finished, trajectory_of(finished).assign(later=np.nan))
    assert tuple(table.columns) == VERIFICATION.columns
    (agreement,) = table.itertuples()
    assert agreement.order_parameter_difference < 1e-12
    assert agreement.loss_difference < 1e-6
    assert (agreement.checkpoints, agreement.verified_checkpoints) == (3, 3)
    assert agreement.parameters == sum(p.numel() for p in finished[1].model.parameters())


@pytest.mark.parametrize(
    ("step", "quantity", "count"),
    [
        *(
            (10, name, "all")
            for name in ("order_parameter", "train_loss", "val_loss", "hidden_magnetization")
        ),
        # The last checkpoint is among those verified, however few they are.
        (20, "train_loss", 1),
    ],
)
def test_a_changed_number_is_found_and_named(finished, step, quantity, count):
    trajectory = trajectory_of(finished)
    trajectory.loc[trajectory["step"] == step, quantity] *= 1 + 1e-4
    with pytest.raises(RecordError, match=rf"step-0000{step}.*{quantity}"):
        verify(finished, trajectory, count)


def test_a_missing_row_and_another_architecture_are_found(finished):
    trajectory = trajectory_of(finished)
    with pytest.raises(RecordError, match="step 10"):
        verify(finished, trajectory[trajectory["step"] != 10])
    with pytest.raises(RecordError, match="loss"):
        verify(finished, trajectory, n_head=4)


def test_weights_of_another_step_are_found(finished):
    run, engine, folder, *_ = finished
    row = {**engine.histories[0].trajectory[0], "step": 10}
    save_checkpoint(folder, engine.model, run, engine.histories[0].seeds, row)
    with pytest.raises(RecordError, match=r"step-000010.*order_parameter"):
        verify(finished, trajectory_of(finished))


def test_a_text_of_one_character_has_losses_of_zero_that_agree(make_run, seeds, tmp_path):
    tokens = np.zeros(2000, np.uint8)
    run, paths = make_run(), JobPaths.below(tmp_path / "job")
    trajectory = train_job(run, [seeds], *write_corpus(tmp_path, "a" * len(tokens)), paths)
    assert (trajectory["train_loss"] == 0).all()
    splits = tokens[:1800], tokens[1800:]
    table = verify_job(run, [seeds.seed], paths.checkpoints, trajectory, *splits, "all", CPU)
    assert table["loss_difference"].max() < 1e-6


@pytest.mark.parametrize(
    ("levels", "of_windows"), [("ngrams", window_entropies), ("in_context", in_context_entropies)]
)
def test_levels_are_those_that_the_run_asks_for(finished, levels, of_windows):
    row = verify(finished, trajectory_of(finished), 1, levels=levels).iloc[0]
    train, vocabulary = finished[3], len(finished[1].model.head.weight)
    expected = of_windows(train, window_starts(len(train), 8, "all"), 8, vocabulary)
    assert [row[f"window_entropy_{order}"] for order in (1, 2, 3)] == pytest.approx(expected, rel=1e-12)
