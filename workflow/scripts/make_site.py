"""Gather the pages of all recorded experiments, and those that happen to be there, below one index."""

from pathlib import Path

from orderparam.pages.page import quote_short_answer
from orderparam.pages.site import make_site
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        others = [Path(f"results/{name}.html") for name in ("claims", "known_systems")]
        make_site(
            [*(page for page in others if page.exists()), *map(Path, snakemake.input.pages)],
            snakemake.params.descriptions,
            quote_short_answer(Path(snakemake.input.answer).read_text("utf-8")),
            Path(snakemake.output.index),
        )
