# Looked up when the benchmark is asked for: a project may do without this experiment.
PROTOCOL = "paper"


rule measure_throughput:
    input:
        tokens=ancient(lambda _: f"results/corpora/{experiment_named(PROTOCOL).corpus}/tokens.npy"),
        vocabulary=lambda _: f"results/corpora/{experiment_named(PROTOCOL).corpus}/vocabulary.json",
    output:
        throughput="results/benchmark/throughput.csv",
        machine="results/benchmark/machine.json",
    log:
        "results/benchmark/logs/measure_throughput.log",
    conda:
        "../../envs/orderparam.yaml"
    resources:
        mem_mb=8000,
    params:
        runs=lambda _: [run.to_dict() for run in experiment_named(PROTOCOL).runs.values()],
        seconds=20,
        code=code_digest("measure_throughput"),
    message:
        "Timing the training engine against a plain model, all sizes"
    script:
        "../scripts/measure_throughput.py"


rule draw_throughput:
    input:
        throughput="results/benchmark/throughput.csv",
        machine="results/benchmark/machine.json",
    output:
        svg=report(
            "results/benchmark/figures/throughput.svg",
            caption="../report/throughput.rst",
            category="Benchmark",
        ),
        png="results/benchmark/figures/throughput.png",
    log:
        "results/benchmark/logs/draw_throughput.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        figure="throughput",
        code=code_digest("draw_tables", include=("figures.throughput",)),
    message:
        "Drawing the throughput of the training engine"
    script:
        "../scripts/draw_tables.py"
