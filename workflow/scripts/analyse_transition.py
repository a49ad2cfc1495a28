"""Changes of slope, plateau and escape of each size, and its fluctuations over seeds."""

from pathlib import Path

from orderparam.analysis.escape import levels_of
from orderparam.analysis.fluctuations import measure_fluctuations
from orderparam.analysis.transition import analyse_transition
from orderparam.tables import METRICS, VERIFICATION, read_table, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        metrics = METRICS.read(snakemake.input.metrics)
        entropies = {Path(path).parent.name: read_table(path) for path in snakemake.input.entropies}
        of_corpus = {corpus: levels_of(table) for corpus, table in entropies.items()}
        corpora, widths = dict(snakemake.params.corpora), dict(snakemake.params.widths)
        levels = {size: of_corpus[corpus] for size, corpus in corpora.items() if of_corpus[corpus]}
        verification = VERIFICATION.read(snakemake.input.verification)
        parameters = dict(zip(verification["size"], verification["parameters"].astype(int), strict=True))
        fluctuations = measure_fluctuations(metrics, levels, widths, parameters)
        quantities, slopes = analyse_transition(metrics, levels, fluctuations, widths)
        write_table(quantities, snakemake.output.transition)
        write_table(slopes, snakemake.output.loss_slope)
        write_table(fluctuations, snakemake.output.susceptibility)
        for path in snakemake.output:
            job.log_artifact(path)
