"""A power law of the loss in the number of parameters, over the sizes of an experiment."""

from orderparam.analysis.scaling import fit_scaling, measure_points
from orderparam.tables import read_table, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        points = measure_points(read_table(snakemake.input.metrics), snakemake.params.runs)
        write_table(points, snakemake.output.points)
        write_table(fit_scaling(points), snakemake.output.scaling)
        for path in snakemake.output:
            job.log_artifact(path)
