for scope, figure in [(scope, figure) for scope in FIGURES for figure in FIGURES[scope]]:

    rule:
        """One figure: results/EXPERIMENT/figures/NAME.svg and .png"""
        name:
            f"draw_{figure}"
        input:
            unpack(inputs_of_figure(scope, figure)),
        output:
            svg=report(
                f"results/{scope}/figures/{figure}.svg",
                caption=f"../report/{figure}.rst",
                category=category_of(scope),
                labels={"experiment": scope, "figure": figure},
            ),
            png=f"results/{scope}/figures/{figure}.png",
        log:
            f"results/{scope}/logs/draw_{figure}.log",
        localrule: True
        params:
            figure=figure,
            sizes=of_experiment(lookup.sizes_on_own_corpus) if scope == EXPERIMENT else [],
            label=of_experiment(lookup.label_of) if scope == EXPERIMENT else scope,
            code=code_digest("draw_figure", f"figures.{figure}"),
        message:
            f"Drawing {figure} of {scope}".replace(EXPERIMENT, "{wildcards.experiment}")
        script:
            "../scripts/draw_figure.py"


rule draw_finding_for_readme:
    """The picture in README.md, docs/finding.svg, from the recorded runs of the controls."""
    input:
        "results/controls_recorded/figures/transition_loss_slope.svg",
    output:
        "docs/finding.svg",
    log:
        "results/controls_recorded/logs/draw_finding_for_readme.log",
    localrule: True
    message:
        "Copying the finding's picture to docs/"
    shell:
        "cp {input} {output} 2> {log}"


rule write_up:
    """The page of an experiment: results/EXPERIMENT/write_up.html."""
    input:
        metrics="results/{experiment}/metrics.csv",
        vocabularies=of_experiment(lookup.corpora_files, "vocabulary.json"),
        ngram_entropies=of_experiment(lookup.corpora_files, "ngram_entropies.csv"),
        figures=of_experiment(lookup.figures_of, ".svg"),
        verification=of_experiment(lookup.tables_to_judge, ["verification.csv"]),
        comparison=of_experiment(lookup.comparisons_of),
        captions=lambda wildcards: [
            own(f"workflow/report/{figure}.rst") for figure in experiment_of(wildcards).figures
        ],
        samples=of_experiment(lookup.samples_of),
        quality=of_experiment(
            lambda each: lookup.tables_to_judge(each, ["sample_quality.csv"]) if each.replay_of else []
        ),
        answer=own("README.md"),
    output:
        page="results/{experiment}/write_up.html",
        findings="results/{experiment}/write_up.txt",
    log:
        "results/{experiment}/logs/write_up.log",
    localrule: True
    params:
        experiment=of_experiment(lambda each: {**each.to_dict(), "runs": lookup.runs_of(each)}),
        missing=of_experiment(lookup.missing_runs),
        tables=of_experiment(lookup.tables_of_figures, own("config/published")),
        code=code_digest("write_up"),
    message:
        "Writing up {wildcards.experiment}"
    script:
        "../scripts/write_up.py"


rule make_crate:
    """An experiment as a Workflow Run RO-Crate: results/EXPERIMENT/crate.zip."""
    input:
        of_experiment(lookup.everything_of),
    output:
        crate="results/{experiment}/crate.zip",
    log:
        "results/{experiment}/logs/make_crate.log",
    params:
        description=lambda wildcards: experiment_of(wildcards).description,
        code=code_digest("make_crate"),
    message:
        "Packing {wildcards.experiment} as an RO-Crate"
    script:
        "../scripts/make_crate.py"


SHOWN = lookup.one_of_each_record(settings.experiments[name] for name in REPLAYS)


rule make_site:
    """The pages of claims, known systems and all recorded experiments, with an index: results/site/index.html."""
    input:
        pages=[
            "results/claims.html",
            "results/known_systems.html",
            *expand("results/{experiment}/write_up.html", experiment=SHOWN),
        ],
        claims="results/claims.csv",
        answer=own("README.md"),
    output:
        index="results/site/index.html",
    log:
        "results/site/logs/make_site.log",
    localrule: True
    params:
        descriptions={
            "claims": "Which claims stand, and by what evidence? Each with its verdict, its statistic and 95% interval.",
            "known_systems": "Does the analysis find what is known, in lattices, deep linear nets, Hopfield networks and made-up curves?",
            **{name: settings.experiments[name].description for name in SHOWN},
        },
        code=code_digest("make_site"),
    message:
        "Gathering the pages of claims, known systems and all recorded experiments"
    script:
        "../scripts/make_site.py"
