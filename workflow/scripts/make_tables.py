"""Call a function of the library: tables and parameters in by name, tables out in the outputs' order."""

from importlib import import_module

from orderparam.tables import read_source, write_table
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    module, _, name = snakemake.params.function.rpartition(".")
    function = getattr(import_module(f"orderparam.{module}"), name)
    with tracked_job(snakemake):
        arguments = {key: value for key, value in snakemake.params.items() if key not in ("function", "code")}
        tables = {key: read_source(source) for key, source in snakemake.input.items()}
        made = function(**tables, **arguments)
        for table, path in zip(made if isinstance(made, tuple) else (made,), snakemake.output, strict=True):
            write_table(table, path)
