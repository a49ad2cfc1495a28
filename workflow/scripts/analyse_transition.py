"""Changes of slope, plateau and escape of each size, and its fluctuations over seeds."""

from pathlib import Path

from orderparam.metrics import METRICS_COLUMNS, VERIFICATION_COLUMNS
from orderparam.records import read_table, write_table
from orderparam.tables import read_known_table
from orderparam.tracking import tracked_job
from orderparam.transition.analysis import analyse_transition
from orderparam.transition.escape import levels_of
from orderparam.transition.fluctuations import measure_fluctuations

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        metrics = read_table(snakemake.input.metrics, METRICS_COLUMNS)
        entropies = {Path(path).parent.name: read_known_table(path) for path in snakemake.input.entropies}
        of_corpus = {corpus: levels_of(table) for corpus, table in entropies.items()}
        corpora, widths = dict(snakemake.params.corpora), dict(snakemake.params.widths)
        levels = {size: of_corpus[corpus] for size, corpus in corpora.items() if of_corpus[corpus]}
        verification = read_table(snakemake.input.verification, VERIFICATION_COLUMNS)
        parameters = dict(zip(verification["size"], verification["parameters"].astype(int), strict=True))
        fluctuations = measure_fluctuations(metrics, levels, widths, parameters)
        quantities, slopes = analyse_transition(metrics, levels, fluctuations, widths)
        write_table(quantities, snakemake.output.transition)
        write_table(slopes, snakemake.output.loss_slope)
        write_table(fluctuations, snakemake.output.susceptibility)
        for path in snakemake.output:
            job.log_artifact(path)
