"""Retrieval of Hopfield networks against their load, and the load at which it breaks down."""

import pandas as pd

from orderparam.known_systems.hopfield import estimate_capacity, measure_retrieval
from orderparam.tables import write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        seed = snakemake.params.seed
        tables = [
            measure_retrieval([size["neurons"]], size["loads"], [size["networks"]], seed)
            for size in snakemake.params.networks
        ]
        retrieval = pd.concat(tables, ignore_index=True)
        write_table(retrieval, snakemake.output.retrieval)
        write_table(estimate_capacity(retrieval, seed), snakemake.output.capacity)
        for path in snakemake.output:
            job.log_artifact(path)
