"""Copy a sample out of a record, checked."""

from pathlib import Path

from orderparam.archive import Record
from orderparam.files import atomic_write
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        record = Record(snakemake.params.record)
        name = Path(snakemake.input.sample).relative_to(record.folder).as_posix()
        with atomic_write(snakemake.output.sample) as file:
            file.write(record.path(name).read_text(encoding="utf-8"))
        job.log_artifact(snakemake.output.sample)
