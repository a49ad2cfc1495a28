include: "corpus_inputs.smk"


rule get_corpus:
    input:
        own_text_file,
    output:
        text="results/corpora/{corpus}/corpus.txt",
        manifest="results/corpora/{corpus}/corpus.json",
    log:
        "results/corpora/logs/get_corpus/{corpus}.log",
    retries: 2
    conda:
        "../../envs/orderparam.yaml"
    params:
        entry=corpus_entry,
        mirror=str(settings.corpus_mirror) if settings.corpus_mirror else None,
        code=code_digest("get_corpus"),
    message:
        "Getting the corpus {wildcards.corpus}"
    script:
        "../scripts/get_corpus.py"


rule sample_surrogate:
    input:
        text=ancient(lambda wildcards: f"results/corpora/{surrogate_origin(wildcards)}/corpus.txt"),
        manifest=lambda wildcards: f"results/corpora/{surrogate_origin(wildcards)}/corpus.json",
    output:
        text="results/corpora/{corpus}/corpus.txt",
        manifest="results/corpora/{corpus}/corpus.json",
    log:
        "results/corpora/logs/sample_surrogate/{corpus}.log",
    wildcard_constraints:
        corpus=any_of(SURROGATES),
    conda:
        "../../envs/orderparam.yaml"
    params:
        entry=corpus_entry,
        code=code_digest("sample_surrogate"),
    message:
        "Sampling the surrogate corpus {wildcards.corpus}"
    script:
        "../scripts/sample_surrogate.py"


# A surrogate has no source of its own.
ruleorder: sample_surrogate > get_corpus


rule tokenize_corpus:
    input:
        # Above 1 MB Snakemake compares times only, so the text is followed through its manifest's sha256.
        text=ancient("results/corpora/{corpus}/corpus.txt"),
        manifest="results/corpora/{corpus}/corpus.json",
    output:
        tokens="results/corpora/{corpus}/tokens.npy",
        vocabulary="results/corpora/{corpus}/vocabulary.json",
    log:
        "results/corpora/logs/tokenize_corpus/{corpus}.log",
    benchmark:
        "results/corpora/{corpus}/tokenize_corpus.benchmark.tsv"
    conda:
        "../../envs/orderparam.yaml"
    params:
        code=code_digest("tokenize_corpus"),
    message:
        "Tokenizing the corpus {wildcards.corpus}"
    script:
        "../scripts/tokenize_corpus.py"


rule count_ngrams:
    input:
        tokens=ancient("results/corpora/{corpus}/tokens.npy"),
        vocabulary="results/corpora/{corpus}/vocabulary.json",
    output:
        entropies="results/corpora/{corpus}/ngram_entropies.csv",
    log:
        "results/corpora/logs/count_ngrams/{corpus}.log",
    benchmark:
        "results/corpora/{corpus}/count_ngrams.benchmark.tsv"
    conda:
        "../../envs/orderparam.yaml"
    params:
        code=code_digest("count_ngrams"),
    message:
        "Counting the n-grams of {wildcards.corpus}"
    script:
        "../scripts/count_ngrams.py"
