"""One table of the verdicts of all ledgers."""

from pathlib import Path

import pandas as pd

from orderparam.tables import ALL_CLAIMS, CLAIMS, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        tables = [CLAIMS.read(path).assign(judged_on=Path(path).parent.name) for path in snakemake.input]
        table = pd.concat(tables, ignore_index=True)[list(ALL_CLAIMS.columns)]
        write_table(table, snakemake.output.claims)
        job.log_metrics((verdict, count, 0) for verdict, count in table["verdict"].value_counts().items())
