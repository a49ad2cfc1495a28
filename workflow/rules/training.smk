RUN = "results/{experiment}/runs/{size}/{job}"
REPLAYS = [name for name, experiment in settings.experiments.items() if experiment.replay_of]
TRAINED = [name for name in settings.experiments if name not in REPLAYS]
CORPUS_OF_RUN = {
    "tokens": ancient(corpus_of_run("tokens.npy")),
    "vocabulary": corpus_of_run("vocabulary.json"),
}
ON_DEVICE_OF_RUN = {
    "gpu": gpus_of_run,
    "gpu_manufacturer": gpu_manufacturer,
    "device": device_of_run,
    "mem_mb": memory_of_run,
}


rule train_model:
    """Train the seeds of one size: trajectory, every step's b and batch loss, checkpoints."""
    input:
        **CORPUS_OF_RUN,
        start_from=lambda wildcards: lookup.checkpoints_to_start_from(
            experiment_of(wildcards), wildcards.size, wildcards.job
        ),
    output:
        trajectory=f"{RUN}/trajectory.parquet",
        steps=f"{RUN}/steps.parquet",
        checkpoints=directory(f"{RUN}/checkpoints"),
    log:
        "results/{experiment}/logs/train_model/{size}.{job}.log",
    benchmark:
        f"{RUN}/train_model.benchmark.tsv"
    group:
        "{experiment}-{size}-{job}"
    threads: lambda wildcards: run_of(wildcards).threads
    resources:
        **ON_DEVICE_OF_RUN,
        runtime=time_to_train,
    params:
        run=settings_of_run,
        seeds=seeds_of,
        unfinished="results/{experiment}/unfinished/{size}/{job}",
        diverged="results/{experiment}/diverged/{size}",
        code=code_digest("train_model"),
    message:
        "Training {wildcards.size} of {wildcards.experiment} ({wildcards.job})"
    script:
        "../scripts/train_model.py"


rule verify_checkpoints:
    """Recompute a training's losses from its checkpoints by an independent path, and stop if they differ."""
    input:
        **CORPUS_OF_RUN,
        trajectory=f"{RUN}/trajectory.parquet",
        checkpoints=f"{RUN}/checkpoints",
    output:
        metrics=f"{RUN}/metrics.csv",
        verification=f"{RUN}/verification.csv",
    log:
        "results/{experiment}/logs/verify_checkpoints/{size}.{job}.log",
    group:
        "{experiment}-{size}-{job}"
    resources:
        **ON_DEVICE_OF_RUN,
        runtime=time_to_read,
    params:
        run=settings_of_run,
        seeds=lambda wildcards: [seeds["seed"] for seeds in seeds_of(wildcards)],
        unfinished="results/{experiment}/unfinished/{size}/{job}",
        verified_checkpoints=lambda wildcards: experiment_of(wildcards).verified_checkpoints[wildcards.size],
        code=code_digest("verify_checkpoints"),
    message:
        "Recomputing the metrics of {wildcards.size} ({wildcards.job}) from its checkpoints"
    script:
        "../scripts/verify_checkpoints.py"


rule probe_checkpoints:
    """Attention, distance to the n-gram predictors and the head's spectrum at each checkpoint."""
    input:
        **CORPUS_OF_RUN,
        checkpoints=f"{RUN}/checkpoints",
    output:
        probes=f"{RUN}/probes.csv",
    log:
        "results/{experiment}/logs/probe_checkpoints/{size}.{job}.log",
    group:
        "{experiment}-{size}-{job}"
    resources:
        **ON_DEVICE_OF_RUN,
        runtime=time_to_read,
    params:
        run=settings_of_run,
        seeds=lambda wildcards: [seeds["seed"] for seeds in seeds_of(wildcards)],
        windows=lambda wildcards: experiment_of(wildcards).probe_windows[wildcards.size],
        code=code_digest("probe_checkpoints"),
    message:
        "Probing the checkpoints of {wildcards.size} ({wildcards.job})"
    script:
        "../scripts/probe_checkpoints.py"


rule measure_vocabulary:
    """Words in text sampled at each checkpoint. Only claims ask for it: it takes longer than a small training."""
    input:
        **CORPUS_OF_RUN,
        checkpoints=f"{RUN}/checkpoints",
    output:
        statistics=f"{RUN}/vocabulary_statistics.csv",
    log:
        "results/{experiment}/logs/measure_vocabulary/{size}.{job}.log",
    resources:
        mem_mb=memory_of_run,
        runtime=lambda wildcards, attempt: 240 * 2 ** (attempt - 1),
    params:
        run=lambda wildcards: run_of(wildcards).to_dict(),
        seeds=seeds_of,
        blocks=64,
        characters=256,
        code=code_digest("measure_vocabulary"),
    message:
        "Counting words in text from the checkpoints of {wildcards.size} ({wildcards.job})"
    script:
        "../scripts/measure_vocabulary.py"


rule sample_text:
    """Text sampled from the final weights of a run."""
    input:
        checkpoints=lambda wildcards: f"{RUN}/checkpoints".format(**wildcards, job=job_of_seed(wildcards)),
        vocabulary=corpus_of_run("vocabulary.json"),
    output:
        sample="results/{experiment}/samples/{size}/seed-{seed}-{mode}.txt",
    log:
        "results/{experiment}/logs/sample_text/{size}.{seed}.{mode}.log",
    wildcard_constraints:
        experiment=any_of(TRAINED),
    group:
        lambda wildcards: f"{wildcards.experiment}-{wildcards.size}-{job_of_seed(wildcards)}"
    resources:
        **ON_DEVICE_OF_RUN,
        runtime=time_to_read,
    params:
        step=lambda wildcards: run_of(wildcards).steps,
        sampling=lambda wildcards: asdict(experiment_of(wildcards).sampling),
        code=code_digest("sample_text"),
    message:
        "Sampling text from {wildcards.size} of {wildcards.experiment} ({wildcards.mode} mode)"
    script:
        "../scripts/sample_text.py"


rule restore_sample:
    """A recorded sample, for a replay."""
    input:
        sample=lambda wildcards: "results/recorded/{origin}/samples/{size}/seed-{seed}-{mode}.txt".format(
            origin=experiment_of(wildcards).replay_of, **wildcards
        ),
        manifest=lambda wildcards: f"results/recorded/{experiment_of(wildcards).replay_of}/manifest.json",
    output:
        sample="results/{experiment}/samples/{size}/seed-{seed}-{mode}.txt",
    log:
        "results/{experiment}/logs/restore_sample/{size}.{seed}.{mode}.log",
    wildcard_constraints:
        experiment=any_of(REPLAYS),
    localrule: True
    params:
        code=code_digest("restore_sample"),
    message:
        "Restoring the recorded sample of {wildcards.size} ({wildcards.mode} mode)"
    script:
        "../scripts/restore_sample.py"


rule score_samples:
    """Quality of text sampled at the best and at the last checkpoint of the largest size."""
    input:
        **CORPUS_OF_RUN,
        checkpoints=f"{RUN}/checkpoints",
        metrics=f"{RUN}/metrics.csv",
    output:
        quality=f"{RUN}/sample_quality.csv",
    log:
        "results/{experiment}/logs/score_samples/{size}.{job}.log",
    group:
        "{experiment}-{size}-{job}"
    resources:
        **ON_DEVICE_OF_RUN,
        runtime=time_to_read,
    params:
        run=settings_of_run,
        seeds=seeds_of,
        code=code_digest("score_samples"),
    message:
        "Scoring text of {wildcards.size} ({wildcards.job}) at its best and its last checkpoint"
    script:
        "../scripts/score_samples.py"
