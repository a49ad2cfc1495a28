"""Judge the claims that apply to an experiment, or those on known systems, on the tables that exist."""

from orderparam.claims.evidence import Evidence
from orderparam.claims.judge import judge_claims
from orderparam.claims.ledger import Claim
from orderparam.tables import write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        claims = [Claim.from_dict(claim) for claim in snakemake.params.claims]
        evidence = Evidence(snakemake.input, snakemake.params.runs, snakemake.params.published)
        verdicts = judge_claims(claims, evidence)
        write_table(verdicts, snakemake.output.claims)
        job.log_metrics((verdict, count, 0) for verdict, count in verdicts["verdict"].value_counts().items())
