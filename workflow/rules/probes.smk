rule probe_checkpoints:
    input:
        checkpoints="results/{experiment}/runs/{size}/{job}/checkpoints",
        tokens=ancient(corpus_file("tokens.npy")),
        vocabulary=corpus_file("vocabulary.json"),
    output:
        probes="results/{experiment}/runs/{size}/{job}/probes.csv",
    log:
        "results/{experiment}/logs/probe_checkpoints/{size}.{job}.log",
    conda:
        "../../envs/orderparam.yaml"
    resources:
        gpu=lambda wildcards: int(uses_accelerator(run_of(wildcards).device)),
    params:
        run=lambda wildcards: run_of(wildcards).to_dict(),
        seeds=lambda wildcards: [seeds.seed for seeds in seeds_of(wildcards)],
        windows=lambda wildcards: experiment_of(wildcards).probe_windows[wildcards.size],
        code=code_digest("probe_checkpoints"),
    message:
        "Probing the checkpoints of {wildcards.size} ({wildcards.job})"
    script:
        "../scripts/probe_checkpoints.py"


rule collect_probes:
    input:
        table_of_all_runs("probes.csv"),
    output:
        probes="results/{experiment}/probes.csv",
    log:
        "results/{experiment}/logs/collect_probes.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        sizes=lambda wildcards: list(experiment_of(wildcards).runs),
        code=code_digest("collect_probes"),
    message:
        "Collecting the probes of {wildcards.experiment}"
    script:
        "../scripts/collect_probes.py"
