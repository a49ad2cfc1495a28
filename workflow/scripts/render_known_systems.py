"""Write the page of the known systems, and its findings in a line."""

from pathlib import Path

from orderparam.files import atomic_write
from orderparam.pages.known_systems import SYSTEMS, render_known_systems
from orderparam.tables import read_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        tables = {name: read_table(snakemake.input[name]) for name in (*SYSTEMS, "finite_size")}
        made = render_known_systems(tables, [Path(svg) for svg in snakemake.input.figures])
        for path, text in zip((snakemake.output.page, snakemake.output.findings), made, strict=True):
            with atomic_write(path) as file:
                file.write(text)
