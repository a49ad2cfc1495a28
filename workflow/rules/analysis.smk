rule compare_with_published:
    input:
        metrics="results/{experiment}/metrics.csv",
        published="config/published/order_parameter.csv",
    output:
        comparison="results/{experiment}/comparison.csv",
    log:
        "results/{experiment}/logs/compare_with_published.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        seeds=seeds_of_the_same_weights,
        code=code_digest("compare_with_published"),
    message:
        "Comparing {wildcards.experiment} with the published values"
    script:
        "../scripts/compare_with_published.py"


rule compute_derivative:
    input:
        metrics="results/{experiment}/metrics.csv",
    output:
        derivative="results/{experiment}/derivative.csv",
    log:
        "results/{experiment}/logs/compute_derivative.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        checkpoint_every=lambda wildcards: {
            size: run.checkpoint_every for size, run in experiment_of(wildcards).runs.items()
        },
        code=code_digest("compute_derivative"),
    message:
        "Differentiating the loss by the order parameter for {wildcards.experiment}"
    script:
        "../scripts/compute_derivative.py"


rule analyse_transition:
    input:
        metrics="results/{experiment}/metrics.csv",
        entropies=file_of_all_corpora("ngram_entropies.csv"),
        verification="results/{experiment}/verification.csv",
    output:
        transition="results/{experiment}/transition.csv",
        loss_slope="results/{experiment}/loss_slope.csv",
        susceptibility="results/{experiment}/susceptibility.csv",
    log:
        "results/{experiment}/logs/analyse_transition.log",
    benchmark:
        "results/{experiment}/analyse_transition.benchmark.tsv"
    conda:
        "../../envs/orderparam.yaml"
    params:
        corpora=lambda wildcards: {size: run.corpus for size, run in experiment_of(wildcards).runs.items()},
        widths=lambda wildcards: {size: run.d_model for size, run in experiment_of(wildcards).runs.items()},
        code=code_digest("analyse_transition"),
    message:
        "Looking for transitions in {wildcards.experiment}"
    script:
        "../scripts/analyse_transition.py"


rule fit_scaling:
    input:
        metrics="results/{experiment}/metrics.csv",
    output:
        points="results/{experiment}/scaling_points.csv",
        scaling="results/{experiment}/scaling.csv",
    log:
        "results/{experiment}/logs/fit_scaling.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        runs=lambda wildcards: {size: run.to_dict() for size, run in experiment_of(wildcards).runs.items()},
        code=code_digest("fit_scaling"),
    message:
        "Fitting a power law to the final losses of {wildcards.experiment}"
    script:
        "../scripts/fit_scaling.py"
