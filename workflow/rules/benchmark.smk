# Looked up when the benchmark is asked for: a project may do without this experiment.
PROTOCOL = "paper_as_coded"


rule measure_throughput:
    """The training engine timed against a plain model."""
    input:
        tokens=ancient(lambda wildcards: lookup.corpora_files(find_sound(PROTOCOL), "tokens.npy")[0]),
        vocabulary=lambda wildcards: lookup.corpora_files(find_sound(PROTOCOL), "vocabulary.json")[0],
    output:
        throughput="results/benchmark/throughput.csv",
        machine="results/benchmark/machine.json",
    log:
        "results/benchmark/logs/measure_throughput.log",
    resources:
        mem_mb=8000,
    params:
        runs=lambda wildcards: list(lookup.runs_of(find_sound(PROTOCOL)).values()),
        seconds=20,
        code=code_digest("measure_throughput"),
    message:
        "Timing the training engine against a plain model, all sizes"
    script:
        "../scripts/measure_throughput.py"
