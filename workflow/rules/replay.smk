# What training makes elsewhere comes from the record in an experiment that replays one.
rule load_record:
    input:
        files_of_record,
    output:
        metrics="results/{experiment}/metrics.csv",
        verification="results/{experiment}/verification.csv",
    log:
        "results/{experiment}/logs/load_record.log",
    wildcard_constraints:
        experiment=any_of(REPLAYS),
    conda:
        "../../envs/orderparam.yaml"
    params:
        record=lambda wildcards: f"results/recorded/{experiment_of(wildcards).replay_of}",
        code=code_digest("load_record"),
    message:
        "Checking the record that {wildcards.experiment} replays, and loading its metrics"
    script:
        "../scripts/load_record.py"


rule load_recorded_sample:
    input:
        sample=recorded_sample,
        manifest=record_manifest,
    output:
        sample="results/{experiment}/samples/{size}/seed-{seed}-{mode}.txt",
    log:
        "results/{experiment}/logs/load_recorded_sample/{size}.{seed}.{mode}.log",
    wildcard_constraints:
        experiment=any_of(REPLAYS),
    conda:
        "../../envs/orderparam.yaml"
    params:
        record=lambda wildcards: f"results/recorded/{experiment_of(wildcards).replay_of}",
        code=code_digest("load_recorded_sample"),
    message:
        "Loading the recorded sample of {wildcards.size} ({wildcards.mode} mode)"
    script:
        "../scripts/load_recorded_sample.py"


rule load_recorded_probes:
    input:
        files_of_record,
    output:
        probes="results/{experiment}/probes.csv",
    log:
        "results/{experiment}/logs/load_recorded_probes.log",
    wildcard_constraints:
        experiment=any_of(REPLAYS),
    conda:
        "../../envs/orderparam.yaml"
    params:
        record=lambda wildcards: f"results/recorded/{experiment_of(wildcards).replay_of}",
        code=code_digest("load_recorded_probes"),
    message:
        "Checking the record that {wildcards.experiment} replays, and loading its probes"
    script:
        "../scripts/load_recorded_probes.py"


ruleorder: load_recorded_probes > collect_probes
ruleorder: load_record > collect_metrics
ruleorder: load_record > collect_verification
