from dataclasses import asdict


rule train_model:
    input:
        tokens=ancient(corpus_file("tokens.npy")),
        vocabulary=corpus_file("vocabulary.json"),
        start_from=checkpoints_to_start_from,
    output:
        trajectory="results/{experiment}/runs/{size}/{job}/trajectory.parquet",
        steps="results/{experiment}/runs/{size}/{job}/steps.parquet",
        checkpoints=directory("results/{experiment}/runs/{size}/{job}/checkpoints"),
    log:
        "results/{experiment}/logs/train_model/{size}.{job}.log",
    benchmark:
        "results/{experiment}/runs/{size}/{job}/train_model.benchmark.tsv"
    conda:
        "../../envs/orderparam.yaml"
    threads: lambda wildcards: run_of(wildcards).threads
    resources:
        gpu=lambda wildcards: int(uses_accelerator(run_of(wildcards).device)),
        mem_mb=2000,
    params:
        run=lambda wildcards: run_of(wildcards).to_dict(),
        seeds=lambda wildcards: [asdict(seeds) for seeds in seeds_of(wildcards)],
        unfinished="results/{experiment}/unfinished/{size}/{job}",
        diverged="results/{experiment}/diverged/{size}",
        code=code_digest("train_model"),
    message:
        "Training {wildcards.size} of {wildcards.experiment} ({wildcards.job})"
    script:
        "../scripts/train_model.py"


rule sample_text:
    input:
        checkpoints=checkpoints_of_seed,
        vocabulary=corpus_file("vocabulary.json"),
    output:
        sample="results/{experiment}/samples/{size}/seed-{seed}-{mode}.txt",
    log:
        "results/{experiment}/logs/sample_text/{size}.{seed}.{mode}.log",
    wildcard_constraints:
        experiment=none_of(REPLAYS),
    conda:
        "../../envs/orderparam.yaml"
    resources:
        gpu=lambda wildcards: int(uses_accelerator(run_of(wildcards).device)),
    params:
        step=lambda wildcards: run_of(wildcards).steps,
        sampling=lambda wildcards: asdict(experiment_of(wildcards).sampling),
        device=lambda wildcards: run_of(wildcards).device,
        code=code_digest("sample_text"),
    message:
        "Sampling text from {wildcards.size} of {wildcards.experiment} ({wildcards.mode} mode)"
    script:
        "../scripts/sample_text.py"
