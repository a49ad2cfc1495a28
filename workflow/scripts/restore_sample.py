"""Copy a sample out of a record, checked."""

from pathlib import Path

from orderparam.archive.record import Record
from orderparam.files import atomic_write
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        record = Record(Path(snakemake.input.manifest).parent)
        name = Path(snakemake.input.sample).relative_to(record.folder).as_posix()
        with atomic_write(snakemake.output.sample, "wb") as file:
            file.write(record.path(name).read_bytes())
