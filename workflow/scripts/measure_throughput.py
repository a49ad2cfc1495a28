"""Time the training engine against a plain model, and the machine's matrix products."""

from pathlib import Path

import pandas as pd
import torch

from orderparam.environment import processor_name
from orderparam.files import read_json, write_json
from orderparam.measuring.throughput import add_floor, describe_machine, measure_peak, measure_throughput
from orderparam.settings.experiment import Run
from orderparam.tables import write_table
from orderparam.text.vocabulary import load_tokens
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        torch.set_num_threads(1)
        train, validation = load_tokens(Path(snakemake.input.tokens), Path(snakemake.input.vocabulary))
        vocabulary_size = len(read_json(snakemake.input.vocabulary)["characters"])
        peaks, tables = [measure_peak()], []
        for run in snakemake.params.runs:
            settings = (vocabulary_size, train, validation, snakemake.params.seconds)
            tables.append(measure_throughput(Run.from_dict(run), *settings))
            peaks.append(measure_peak())
        # On a noisy machine a peak measured once may be that of a bad moment.
        peak = max(peaks)
        throughput = add_floor(pd.concat(tables, ignore_index=True), peak)
        write_table(throughput, snakemake.output.throughput)
        processor = {"processor": processor_name()}
        write_json(snakemake.output.machine, processor | describe_machine(peak))
        for row in throughput[throughput["implementation"] == "engine"].itertuples():
            job.log_metrics([(f"ratio_to_plain/{row.quantity}-{row.size}", row.ratio_to_plain, 0)])
