"""Read an architecture off the experiment's largest model, as data and as Mermaid source."""

from dataclasses import asdict

from orderparam.files import atomic_write, read_json, write_json
from orderparam.model.diagram import describe_architecture, to_mermaid
from orderparam.model.gpt import build_model_of_run
from orderparam.settings.experiment import Run
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake):
        run = Run.from_dict(snakemake.params.run)
        vocabularies = {found["corpus"]: found for found in map(read_json, snakemake.input.vocabularies)}
        model = build_model_of_run(run, 0, len(vocabularies[run.corpus]["characters"]))
        architecture = describe_architecture(model, f"GPT of size {run.size}")
        write_json(snakemake.output.architecture, asdict(architecture))
        with atomic_write(snakemake.output.mermaid) as file:
            file.write(to_mermaid(architecture))
