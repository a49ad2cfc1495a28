"""Gather the pages of claims, known systems and all recorded experiments below one index."""

from pathlib import Path

from orderparam.pages.page import quote_short_answer
from orderparam.pages.site import make_site
from orderparam.tables import read_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        make_site(
            map(Path, snakemake.input.pages),
            snakemake.params.descriptions,
            read_table(snakemake.input.claims),
            quote_short_answer(Path(snakemake.input.answer).read_text("utf-8")),
            Path(snakemake.output.index),
        )
