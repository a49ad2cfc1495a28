"""Write the page of the claims: their verdicts, and the figures of what they were judged on."""

from pathlib import Path

from orderparam.files import atomic_write, read_json
from orderparam.pages.claims import Section, render_claims
from orderparam.pages.page import FigureEntry
from orderparam.tables import ALL_CLAIMS
from orderparam.text.vocabulary import describe_corpora
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        sections = [
            Section(
                section["name"],
                section["description"],
                [
                    FigureEntry(Path(svg).stem, Path(svg), Path(f"workflow/report/{Path(svg).stem}.rst"))
                    for svg in section["figures"]
                ],
            )
            for section in snakemake.params.sections
        ]
        corpora = describe_corpora([read_json(path) for path in snakemake.input.vocabularies])
        verdicts = ALL_CLAIMS.read(snakemake.input.claims)
        page = render_claims(verdicts, snakemake.params.sources, sections, corpora["notice"])
        with atomic_write(snakemake.output.page) as file:
            file.write(page)
        job.log_artifact(snakemake.output.page)
