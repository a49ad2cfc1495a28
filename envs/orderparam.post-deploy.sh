#!/usr/bin/env sh
# Run by Snakemake in the project's folder, with the new environment active.
python -m pip install --no-deps --no-build-isolation --editable .
