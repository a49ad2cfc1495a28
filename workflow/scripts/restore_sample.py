"""Copy a sample out of a record, which is checked as all inputs are."""

import shutil

from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        shutil.copyfile(snakemake.input.sample, snakemake.output.sample)
