"""Entropies of a corpus's n-grams: the lowest losses of a model that sees n - 1 characters."""

from pathlib import Path

from orderparam.files import read_json
from orderparam.tables import write_table
from orderparam.text.ngrams import ngram_entropies
from orderparam.text.vocabulary import load_tokens
from orderparam.tracking import tracked_job

if __name__ == "__main__":
    with tracked_job(snakemake) as job:
        tokens_path, vocabulary_path = Path(snakemake.input.tokens), Path(snakemake.input.vocabulary)
        train, validation = load_tokens(tokens_path, vocabulary_path)
        record = read_json(vocabulary_path)
        entropies = ngram_entropies(train, validation, len(record["characters"]), source=record["source"])
        write_table(entropies, snakemake.output.entropies)
        job.log_table(entropies, step="order")
