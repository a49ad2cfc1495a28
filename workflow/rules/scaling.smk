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


rule draw_scaling:
    input:
        points="results/{experiment}/scaling_points.csv",
        scaling="results/{experiment}/scaling.csv",
        vocabularies=file_of_all_corpora("vocabulary.json"),
    output:
        svg=report(
            "results/{experiment}/figures/scaling.svg",
            caption="../report/scaling.rst",
            category="Figures",
            labels={"experiment": "{experiment}", "figure": "scaling"},
        ),
        png="results/{experiment}/figures/scaling.png",
    log:
        "results/{experiment}/logs/draw_scaling.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        figure="scaling",
        sizes=sizes_on_own_corpus,
        architecture=None,
        code=figure_digest("scaling"),
    message:
        "Drawing the final losses of {wildcards.experiment} against size"
    script:
        "../scripts/draw_figure.py"
