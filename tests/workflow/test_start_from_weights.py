"""An entry that starts from another's final weights: trained after it, from the same job's checkpoints."""

SHAPE = {"d_model": 16, "n_head": 2, "n_layer": 1}
SIZES = {
    # Named so that the order of names is not the order of training.
    "b-first": SHAPE,
    "a-second": {**SHAPE, "start_from": "b-first", "regularizer": "l2", "weight_decay": 0.1},
}


def test_a_run_goes_on_from_the_weights_of_another(project):
    project.write_experiment("chain", sizes=SIZES, seeds=[1, 2], seeds_per_job=2)
    done = project.build("--cores", "2", "results/chain/metrics.csv")
    assert done.jobs()["train_model"] == 2
    rows = {(r["size"], r["seed"], r["step"]): r for r in project.rows("results/chain/metrics.csv")}
    for seed in ("1", "2"):
        begun, ended = rows["a-second", seed, "0"], rows["b-first", seed, "20"]
        for quantity in ("order_parameter", "train_loss", "val_loss"):
            assert begun[quantity] == ended[quantity]
        assert rows["a-second", seed, "20"] != ended
    assert project.snakemake("--cores", "1", "-n", "results/chain/metrics.csv").planned() == {}
    # Editing the first entry trains both anew.
    changed = {**SIZES, "b-first": {**SHAPE, "learning_rate": 1e-3}}
    project.write_experiment("chain", sizes=changed, seeds=[1, 2], seeds_per_job=2)
    again = project.snakemake("--cores", "1", "-n", "results/chain/metrics.csv")
    assert again.planned()["train_model"] == 2
