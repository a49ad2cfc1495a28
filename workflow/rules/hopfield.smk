rule measure_hopfield:
    output:
        retrieval="results/hopfield/retrieval.csv",
        capacity="results/hopfield/capacity.csv",
    log:
        "results/hopfield/logs/measure_hopfield.log",
    benchmark:
        "results/hopfield/measure_hopfield.benchmark.tsv"
    conda:
        "../../envs/orderparam.yaml"
    params:
        # Loads around the one at which half of the networks retrieve, which falls with their size.
        networks=[
            {"neurons": 250, "networks": 800, "loads": [0.01 * i for i in range(13, 29)]},
            {"neurons": 500, "networks": 600, "loads": [0.01 * i for i in range(13, 24)]},
            {"neurons": 1000, "networks": 300, "loads": [0.01 * i for i in range(13, 20)]},
            {"neurons": 2000, "networks": 80, "loads": [0.01 * i for i in range(13, 19)]},
            {"neurons": 4000, "networks": 16, "loads": [0.01 * i for i in range(13, 18)]},
        ],
        seed=1,
        code=code_digest("measure_hopfield"),
    message:
        "Measuring the retrieval of Hopfield networks"
    script:
        "../scripts/measure_hopfield.py"


rule draw_hopfield:
    input:
        retrieval="results/hopfield/retrieval.csv",
        capacity="results/hopfield/capacity.csv",
    output:
        svg=report(
            "results/hopfield/figures/hopfield.svg",
            caption="../report/hopfield.rst",
            category="Systems with a known answer",
        ),
        png="results/hopfield/figures/hopfield.png",
    log:
        "results/hopfield/logs/draw_hopfield.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        figure="hopfield",
        code=code_digest("draw_tables", include=("figures.hopfield",)),
    message:
        "Drawing the retrieval of Hopfield networks"
    script:
        "../scripts/draw_tables.py"
