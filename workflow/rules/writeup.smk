rule write_up:
    input:
        metrics=METRICS,
        vocabularies=file_of_all_corpora("vocabulary.json"),
        ngram_entropies=file_of_all_corpora("ngram_entropies.csv"),
        figures=lambda wildcards: [
            f"results/{wildcards.experiment}/figures/{figure}.svg"
            for figure in experiment_of(wildcards).figures
        ],
        verification="results/{experiment}/verification.csv",
        comparison=comparison_of,
        captions=lambda wildcards: [
            f"workflow/report/{figure}.rst" for figure in experiment_of(wildcards).figures
        ],
        samples=lambda wildcards: samples_of(experiment_of(wildcards)),
    output:
        page="results/{experiment}/write_up.html",
    log:
        "results/{experiment}/logs/write_up.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        experiment=lambda wildcards: experiment_of(wildcards).to_dict(),
        missing=missing_from_record,
        code=code_digest("write_up"),
    message:
        "Writing up {wildcards.experiment}"
    script:
        "../scripts/write_up.py"
