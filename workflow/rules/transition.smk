rule calibrate_detector:
    output:
        false_positives="results/calibration/false_positives.csv",
        power="results/calibration/power.csv",
    log:
        "results/calibration/logs/calibrate_detector.log",
    benchmark:
        "results/calibration/calibrate_detector.benchmark.tsv"
    conda:
        "../../envs/orderparam.yaml"
    params:
        curves=200,
        seed=1337,
        code=code_digest("calibrate_detector"),
    message:
        "Measuring false positives and power of the detector of slope changes"
    script:
        "../scripts/calibrate_detector.py"


rule draw_calibration:
    input:
        false_positives="results/calibration/false_positives.csv",
        power="results/calibration/power.csv",
    output:
        svg=report(
            "results/calibration/figures/transition_calibration.svg",
            caption="../report/transition_calibration.rst",
            category="Systems with a known answer",
        ),
        png="results/calibration/figures/transition_calibration.png",
    log:
        "results/calibration/logs/draw_calibration.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        figure="transition_calibration",
        code=code_digest("draw_tables", include=("figures.transition_calibration",)),
    message:
        "Drawing false positives and power of the detector of slope changes"
    script:
        "../scripts/draw_tables.py"


rule analyse_transition:
    input:
        metrics=METRICS,
        entropies=file_of_all_corpora("ngram_entropies.csv"),
        verification=verification_of_sizes,
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


# Figures of the transition analysis, with the tables that they take.
TRANSITION_FIGURES = {
    "transition_loss_slope": {
        "loss_slope": "results/{experiment}/loss_slope.csv",
        "transition": "results/{experiment}/transition.csv",
    },
    "transition_susceptibility": {"susceptibility": "results/{experiment}/susceptibility.csv"},
}

for figure, tables in TRANSITION_FIGURES.items():

    rule:
        name:
            f"draw_{figure}"
        input:
            **tables,
            vocabularies=file_of_all_corpora("vocabulary.json"),
        output:
            svg=report(
                f"results/{{experiment}}/figures/{figure}.svg",
                caption=f"../report/{figure}.rst",
                category="Figures",
                labels={"experiment": "{experiment}", "figure": figure},
            ),
            png=f"results/{{experiment}}/figures/{figure}.png",
        log:
            f"results/{{experiment}}/logs/draw_{figure}.log",
        conda:
            "../../envs/orderparam.yaml"
        params:
            figure=figure,
            sizes=sizes_on_own_corpus,
            architecture=None,
            code=figure_digest(figure),
        message:
            f"Drawing {figure} of {{wildcards.experiment}}"
        script:
            "../scripts/draw_figure.py"
