"""Turn a corpus into token ids, in one pass to find its characters and one to write the ids."""

from pathlib import Path

from orderparam.files import read_json
from orderparam.text.vocabulary import tokenize_corpus
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        vocabulary = tokenize_corpus(
            Path(snakemake.input.text),
            read_json(snakemake.input.manifest),
            tokens_path=Path(snakemake.output.tokens),
            vocabulary_path=Path(snakemake.output.vocabulary),
        )
        job.log_metrics(
            [("tokens", vocabulary["tokens"], 0), ("vocabulary_size", len(vocabulary["characters"]), 0)]
        )
