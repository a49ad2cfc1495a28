"""Changes of slope, plateau and escape of each size, and its fluctuations over seeds."""

from orderparam.analysis.escape import levels_of
from orderparam.analysis.fluctuations import measure_fluctuations
from orderparam.analysis.transition import analyse_transition
from orderparam.tables import read_table, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        metrics, entropies, verification = (read_table(path) for path in snakemake.input)
        of_size = {size: levels_of(rows) for size, rows in entropies.groupby("size", sort=False)}
        levels = {size: found for size, found in of_size.items() if found}
        widths = dict(snakemake.params.widths)
        parameters = dict(zip(verification["size"], verification["parameters"].astype(int), strict=True))
        fluctuations = measure_fluctuations(metrics, levels, widths, parameters)
        quantities, slopes = analyse_transition(metrics, levels, fluctuations, widths)
        write_table(quantities, snakemake.output.transition)
        write_table(slopes, snakemake.output.loss_slope)
        write_table(fluctuations, snakemake.output.susceptibility)
