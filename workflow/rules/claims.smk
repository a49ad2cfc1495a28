# The verdicts on the claims of config/claims.yaml that apply to an experiment, or to known systems.
rule judge_claims:
    """The verdicts on the claims about an experiment: results/EXPERIMENT/claims.csv."""
    input:
        tables_for_claims,
    output:
        claims="results/{experiment}/claims.csv",
    log:
        "results/{experiment}/logs/judge_claims.log",
    params:
        claims=claims_on,
        runs=runs_for_claims,
        published=lambda wildcards: wildcards.experiment == PUBLISHED,
        code=code_digest("judge_claims"),
    message:
        "Judging the claims on {wildcards.experiment}"
    script:
        "../scripts/judge_claims.py"


rule gather_claims:
    """The verdicts on all claims as one table: results/claims.csv."""
    input:
        known="results/known_systems/claims.csv",
        experiments=expand("results/{experiment}/claims.csv", experiment=ledger.experiments),
    output:
        claims="results/claims.csv",
    log:
        "results/known_systems/logs/gather_claims.log",
    localrule: True
    params:
        claims=[asdict(claim) for claim in ledger.claims],
        code=code_digest("gather_claims"),
    message:
        "Gathering the verdicts of all ledgers"
    script:
        "../scripts/gather_claims.py"


rule render_claims:
    """The page of all claims: results/claims.html. From recorded runs, in 20 minutes."""
    input:
        claims="results/claims.csv",
        answer=own("docs/phase_transition.md"),
        # What it links to.
        pages=[
            "results/known_systems.html",
            *expand("results/{experiment}/write_up.html", experiment=ledger.experiments),
        ],
        vocabularies=lambda wildcards: sorted(
            {
                path
                for experiment in gathered_experiments(wildcards)
                for path in lookup.corpora_files(experiment, "vocabulary.json")
            }
        ),
    output:
        page="results/claims.html",
    log:
        "results/known_systems/logs/render_claims.log",
    localrule: True
    params:
        sections=sections_of_page,
        claims={
            claim.id: {"source": claim.source, "bounds": claim.bounds, "question": question}
            for question, claims in ledger.by_question().items()
            for claim in claims
        },
        code=code_digest("render_claims"),
    message:
        "Writing the page of the claims"
    script:
        "../scripts/render_claims.py"
