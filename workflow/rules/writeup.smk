rule write_up:
    input:
        metrics=METRICS,
        vocabularies=file_of_all_corpora("vocabulary.json"),
        ngram_entropies=file_of_all_corpora("ngram_entropies.csv"),
        figures=[f"results/{{experiment}}/figures/{figure}.svg" for figure in FIGURES],
        verification=lambda wildcards: [
            f"results/{wildcards.experiment}/runs/{size}/{experiment_of(wildcards).jobs()[0]}/verification.csv"
            for size in experiment_of(wildcards).runs
        ],
        captions=[f"workflow/report/{figure}.rst" for figure in FIGURES],
        samples=lambda wildcards: samples_of(experiment_of(wildcards)),
    output:
        page="results/{experiment}/write_up.html",
    log:
        "results/{experiment}/logs/write_up.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        experiment=lambda wildcards: experiment_of(wildcards).to_dict(),
        code=code_digest("write_up"),
    message:
        "Writing up {wildcards.experiment}"
    script:
        "../scripts/write_up.py"
