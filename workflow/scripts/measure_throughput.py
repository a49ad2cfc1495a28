"""Time the training engine against a plain model, and the machine's matrix products and copies."""

import importlib.util
from pathlib import Path

import pandas as pd
import torch

from orderparam.environment import processor_name
from orderparam.experiment import Run
from orderparam.records import read_json, write_json, write_table
from orderparam.throughput import add_floors, best_of, describe_machine, measure_peak, measure_throughput
from orderparam.tracking import tracked_job
from orderparam.vocabulary import load_tokens


def load_plain_model(path):
    """The builder of the plain model, from a file outside the package."""
    spec = importlib.util.spec_from_file_location("plain_gpt", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def build(run, vocabulary_size):
        return module.PlainGPT(
            vocabulary_size, run.context, run.d_model, run.n_head, run.n_layer, run.dropout
        )

    return build


if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        torch.set_num_threads(1)
        build_plain = load_plain_model(snakemake.input.plain)
        train, validation = load_tokens(Path(snakemake.input.tokens), Path(snakemake.input.vocabulary))
        vocabulary_size = len(read_json(snakemake.input.vocabulary)["characters"])
        peaks, tables = [measure_peak()], []
        for run in snakemake.params.runs:
            settings = (vocabulary_size, train, validation, build_plain, snakemake.params.seconds)
            tables.append(measure_throughput(Run.from_dict(run), *settings))
            peaks.append(measure_peak())
        throughput = add_floors(pd.concat(tables, ignore_index=True), peaks)
        write_table(throughput, snakemake.output.throughput)
        processor = {"processor": processor_name()}
        write_json(snakemake.output.machine, processor | describe_machine(best_of(peaks)))
        for row in throughput[throughput["implementation"] == "engine"].itertuples():
            job.log_metrics([(f"ratio_to_plain/{row.quantity}-{row.size}", row.ratio_to_plain, 0)])
        job.log_artifact(snakemake.output.throughput)
        job.log_artifact(snakemake.output.machine)
