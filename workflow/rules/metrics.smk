rule extract_metrics:
    input:
        trajectory="results/{experiment}/runs/{size}/{job}/trajectory.parquet",
        checkpoints="results/{experiment}/runs/{size}/{job}/checkpoints",
        tokens=ancient(corpus_file("tokens.npy")),
        vocabulary=corpus_file("vocabulary.json"),
    output:
        metrics="results/{experiment}/runs/{size}/{job}/metrics.csv",
        verification="results/{experiment}/runs/{size}/{job}/verification.csv",
    log:
        "results/{experiment}/logs/extract_metrics/{size}.{job}.log",
    conda:
        "../../envs/orderparam.yaml"
    resources:
        gpu=lambda wildcards: int(uses_accelerator(run_of(wildcards).device)),
    params:
        run=lambda wildcards: run_of(wildcards).to_dict(),
        seeds=lambda wildcards: [seeds.seed for seeds in seeds_of(wildcards)],
        unfinished="results/{experiment}/unfinished/{size}/{job}",
        verified_checkpoints=lambda wildcards: experiment_of(wildcards).verified_checkpoints[wildcards.size],
        code=code_digest("extract_metrics"),
    message:
        "Checking the checkpoints of {wildcards.size} ({wildcards.job}) and extracting its metrics"
    script:
        "../scripts/extract_metrics.py"


rule collect_metrics:
    input:
        table_of_all_runs("metrics.csv"),
    output:
        metrics="results/{experiment}/metrics.csv",
    log:
        "results/{experiment}/logs/collect_metrics.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        sizes=lambda wildcards: list(experiment_of(wildcards).runs),
        code=code_digest("collect_metrics"),
    message:
        "Collecting the metrics of {wildcards.experiment}"
    script:
        "../scripts/collect_metrics.py"


rule collect_verification:
    input:
        table_of_all_runs("verification.csv"),
    output:
        verification="results/{experiment}/verification.csv",
    log:
        "results/{experiment}/logs/collect_verification.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        sizes=lambda wildcards: list(experiment_of(wildcards).runs),
        code=code_digest("collect_verification"),
    message:
        "Collecting the verifications of {wildcards.experiment}"
    script:
        "../scripts/collect_verification.py"


rule collect_entropies:
    input:
        entropies=file_of_all_corpora("ngram_entropies.csv"),
    output:
        entropies="results/{experiment}/entropies.csv",
    log:
        "results/{experiment}/logs/collect_entropies.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        corpora=lambda wildcards: {size: run.corpus for size, run in experiment_of(wildcards).runs.items()},
        code=code_digest("collect_entropies"),
    message:
        "Collecting the n-gram entropies of the texts of {wildcards.experiment}"
    script:
        "../scripts/collect_entropies.py"


rule list_runs:
    output:
        runs="results/{experiment}/runs.csv",
    log:
        "results/{experiment}/logs/list_runs.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        runs=lambda wildcards: [run.to_dict() for run in experiment_of(wildcards).runs.values()],
        code=code_digest("list_runs"),
    message:
        "Listing the runs of {wildcards.experiment}"
    script:
        "../scripts/list_runs.py"
