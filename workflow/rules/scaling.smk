rule fit_scaling:
    input:
        metrics=METRICS,
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
