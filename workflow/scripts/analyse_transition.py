"""Changes of slope, plateau and escape of each size, and what its widths share."""

from orderparam.analysis.escape import levels_of
from orderparam.analysis.transition import analyse_transition
from orderparam.tables import read_table, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        metrics, entropies = (read_table(path) for path in snakemake.input)
        of_size = {size: levels_of(rows) for size, rows in entropies.groupby("size", sort=False)}
        levels = {size: found for size, found in of_size.items() if found}
        quantities, slopes = analyse_transition(metrics, levels, dict(snakemake.params.widths))
        write_table(quantities, snakemake.output.transition)
        write_table(slopes, snakemake.output.loss_slope)
