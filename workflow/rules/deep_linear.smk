rule sweep_deep_linear:
    output:
        sweep="results/deep_linear/sweep.csv",
        summary="results/deep_linear/summary.csv",
    log:
        "results/deep_linear/logs/sweep_deep_linear.log",
    benchmark:
        "results/deep_linear/sweep_deep_linear.benchmark.tsv"
    conda:
        "../../envs/orderparam.yaml"
    params:
        a=1.0,
        c=1.0,
        width=8,
        seed=1337,
        code=code_digest("sweep_deep_linear"),
    message:
        "Sweeping the weight decay of deep linear nets"
    script:
        "../scripts/sweep_deep_linear.py"


rule draw_deep_linear:
    input:
        sweep="results/deep_linear/sweep.csv",
    output:
        svg=report(
            "results/deep_linear/figures/deep_linear.svg",
            caption="../report/deep_linear.rst",
            category="Systems with a known answer",
        ),
        png="results/deep_linear/figures/deep_linear.png",
    log:
        "results/deep_linear/logs/draw_deep_linear.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        figure="deep_linear",
        code=code_digest("draw_tables", include=("figures.deep_linear",)),
    message:
        "Drawing the order parameter of deep linear nets against weight decay"
    script:
        "../scripts/draw_tables.py"
