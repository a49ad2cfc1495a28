"""Draw the throughput of the training engine."""

from orderparam.figures import throughput
from orderparam.figures.style import save_figure
from orderparam.records import read_json
from orderparam.tables import read_known_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        figure = throughput.draw(
            read_known_table(snakemake.input.throughput), read_json(snakemake.input.machine)
        )
        save_figure(figure, snakemake.output.svg, snakemake.output.png)
        job.log_artifact(snakemake.output.svg)
        job.log_artifact(snakemake.output.png)
