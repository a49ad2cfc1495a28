"""False positives and power of the detector of slope changes, on simulated curves."""

from orderparam.known_systems.calibration import measure_false_positives, measure_power
from orderparam.tables import write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        curves, seed = snakemake.params.curves, snakemake.params.seed
        write_table(measure_false_positives(curves, seed), snakemake.output.false_positives)
        write_table(measure_power(curves, seed), snakemake.output.power)
        for path in snakemake.output:
            job.log_artifact(path)
