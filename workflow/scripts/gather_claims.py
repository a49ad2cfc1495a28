"""One table of the verdicts of all ledgers."""

from pathlib import Path

from orderparam.claims.judge import gather_verdicts
from orderparam.claims.ledger import Claim
from orderparam.tables import CLAIMS, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        tables = {Path(path).parent.name: CLAIMS.read(path) for path in snakemake.input}
        table = gather_verdicts(tables, [Claim.from_dict(claim) for claim in snakemake.params.claims])
        write_table(table, snakemake.output.claims)
        job.log_metrics((verdict, count, 0) for verdict, count in table["verdict"].value_counts().items())
