from dataclasses import asdict


include: "claim_inputs.smk"


# The verdicts on the claims of config/claims.yaml, from the tables that can be made.
rule judge_claims:
    input:
        tables_for_claims,
    output:
        claims="results/{experiment}/claims.csv",
    log:
        "results/{experiment}/logs/judge_claims.log",
    wildcard_constraints:
        experiment=none_of(["known_systems"]),
    conda:
        "../../envs/orderparam.yaml"
    params:
        claims=claims_on,
        runs=lambda wildcards: {size: run.to_dict() for size, run in experiment_of(wildcards).runs.items()},
        code=code_digest("judge_claims"),
    message:
        "Judging the claims on {wildcards.experiment}"
    script:
        "../scripts/judge_claims.py"


rule judge_known_systems:
    input:
        tables_of_known_systems,
    output:
        claims="results/known_systems/claims.csv",
    log:
        "results/known_systems/logs/judge_known_systems.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        claims=[asdict(claim) for claim in ledger.of_known_systems()],
        runs={},
        code=code_digest("judge_claims"),
    message:
        "Judging the claims on systems with a known answer"
    script:
        "../scripts/judge_claims.py"


rule gather_claims:
    input:
        known="results/known_systems/claims.csv",
        experiments=expand("results/{experiment}/claims.csv", experiment=ledger.experiments),
    output:
        claims="results/claims.csv",
    log:
        "results/known_systems/logs/gather_claims.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        code=code_digest("gather_claims"),
    message:
        "Gathering the verdicts of all ledgers"
    script:
        "../scripts/gather_claims.py"


rule render_claims:
    input:
        claims="results/claims.csv",
        figures=figures_of_ledger,
        captions=captions_of_ledger,
        vocabularies=vocabularies_of_ledger,
    output:
        page="results/claims.html",
    log:
        "results/known_systems/logs/render_claims.log",
    conda:
        "../../envs/orderparam.yaml"
    params:
        sections=sections_of_ledger,
        sources={claim.id: claim.source for claim in ledger.claims},
        code=code_digest("render_claims"),
    message:
        "Writing the page of the claims"
    script:
        "../scripts/render_claims.py"


rule score_samples:
    input:
        unpack(inputs_of_largest_size),
    output:
        quality="results/{experiment}/sample_quality.csv",
    log:
        "results/{experiment}/logs/score_samples.log",
    conda:
        "../../envs/orderparam.yaml"
    resources:
        gpu=lambda wildcards: int(uses_accelerator(largest_run(wildcards).device)),
    params:
        run=lambda wildcards: largest_run(wildcards).to_dict(),
        seed=lambda wildcards: experiment_of(wildcards).seeds[0].seed,
        samples=8,
        characters=1000,
        code=code_digest("score_samples"),
    message:
        "Scoring text of the largest size of {wildcards.experiment} at its best and its last checkpoint"
    script:
        "../scripts/score_samples.py"
