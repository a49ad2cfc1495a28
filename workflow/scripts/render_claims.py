"""Write the page of the claims: their verdicts, and links to what they were judged on."""

from pathlib import Path

from orderparam.files import atomic_write, read_json
from orderparam.pages.claims import render_claims
from orderparam.tables import ALL_CLAIMS
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        page = render_claims(
            ALL_CLAIMS.read(snakemake.input.claims),
            snakemake.params.claims,
            snakemake.params.sections,
            [read_json(path) for path in snakemake.input.vocabularies],
            Path(snakemake.input.answer).read_text("utf-8"),
        )
        with atomic_write(snakemake.output.page) as file:
            file.write(page)
