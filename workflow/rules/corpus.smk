rule get_corpus:
    """The text of a corpus, from the first of its sources that answers: results/corpora/NAME/corpus.txt."""
    input:
        unpack(origin_of_corpus),
    output:
        text="results/corpora/{corpus}/corpus.txt",
        manifest="results/corpora/{corpus}/corpus.json",
    log:
        "results/corpora/logs/get_corpus/{corpus}.log",
    localrule: True
    params:
        entry=corpus_entry,
        # An earlier file in the place of a text is no later input.
        sha256=sum_of_own_text,
        mirror=str(settings.corpus_mirror) if settings.corpus_mirror else None,
        code=code_digest("get_corpus"),
    message:
        "Getting the corpus {wildcards.corpus}"
    script:
        "../scripts/get_corpus.py"


rule tokenize_corpus:
    """The text of a corpus as token ids, and its vocabulary."""
    input:
        # Above 1 MB Snakemake compares times only, so the text is followed through its manifest's sha256.
        text=ancient("results/corpora/{corpus}/corpus.txt"),
        manifest="results/corpora/{corpus}/corpus.json",
    output:
        tokens="results/corpora/{corpus}/tokens.npy",
        vocabulary="results/corpora/{corpus}/vocabulary.json",
    log:
        "results/corpora/logs/tokenize_corpus/{corpus}.log",
    params:
        code=code_digest("tokenize_corpus"),
    message:
        "Tokenizing the corpus {wildcards.corpus}"
    script:
        "../scripts/tokenize_corpus.py"


rule count_ngrams:
    """Entropies of a corpus's n-grams, the lowest losses of a model that sees n - 1 characters."""
    input:
        tokens=ancient("results/corpora/{corpus}/tokens.npy"),
        vocabulary="results/corpora/{corpus}/vocabulary.json",
    output:
        entropies="results/corpora/{corpus}/ngram_entropies.csv",
    log:
        "results/corpora/logs/count_ngrams/{corpus}.log",
    params:
        code=code_digest("count_ngrams"),
    message:
        "Counting the n-grams of {wildcards.corpus}"
    script:
        "../scripts/count_ngrams.py"
