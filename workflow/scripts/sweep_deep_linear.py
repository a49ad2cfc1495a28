"""Deep linear nets: global minima and sweeps of the weight decay, beside the closed forms."""

from orderparam.known_systems.deep_linear.landscape import Task
from orderparam.known_systems.deep_linear.sweep import summarize, sweep_all
from orderparam.tables import write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        task = Task(a=snakemake.params.a, c=snakemake.params.c)
        sweep = sweep_all(task, snakemake.params.width, snakemake.params.seed)
        write_table(sweep, snakemake.output.sweep)
        summary = summarize(sweep, task, snakemake.params.width)
        write_table(summary, snakemake.output.summary)
        for path in snakemake.output:
            job.log_artifact(path)
