# One table of all jobs of an experiment: those trained here, or those in the record that it replays.
for table in ("metrics", "verification", "probes", "sample_quality", "vocabulary_statistics"):

    rule:
        """One table of all training jobs of an experiment."""
        name:
            f"collect_{table}"
        input:
            unpack(tables_and_record(f"{table}.csv")),
        output:
            f"results/{{experiment}}/{table}.csv",
        log:
            f"results/{{experiment}}/logs/collect_{table}.log",
        localrule: True
        params:
            sizes=lambda wildcards: list(experiment_of(wildcards).runs),
            code=code_digest("collect_table"),
        message:
            f"Collecting the {table} of {{wildcards.experiment}}"
        script:
            "../scripts/collect_table.py"


# The author's tables in the form of ours, for the experiment `published` and beside our own in figures.
rule tabulate_published:
    """The author's published values in the form of metrics and slopes."""
    input:
        order_parameter=own("config/published/order_parameter.csv"),
        slope_changes=own("config/published/slope_changes.csv"),
    output:
        metrics=f"results/{PUBLISHED}/metrics.csv",
        derivative=f"results/{PUBLISHED}/derivative.csv",
    log:
        f"results/{PUBLISHED}/logs/tabulate_published.log",
    localrule: True
    params:
        **function_of_tables("analysis.published_values.tabulate_published"),
        seed=1337,
    message:
        "Tabulating the author's published values"
    script:
        "../scripts/make_tables.py"


ruleorder: tabulate_published > collect_metrics
ruleorder: tabulate_published > compute_derivative


rule describe_runs:
    """How each size is trained, and the n-gram entropies of its text."""
    input:
        entropies=of_experiment(lookup.corpora_files, "ngram_entropies.csv"),
        verification="results/{experiment}/verification.csv",
    output:
        runs="results/{experiment}/runs.csv",
        entropies="results/{experiment}/entropies.csv",
    log:
        "results/{experiment}/logs/describe_runs.log",
    localrule: True
    params:
        runs=of_experiment(lookup.runs_of),
        code=code_digest("describe_runs"),
    message:
        "Listing the runs of {wildcards.experiment}, and the n-gram entropies of their texts"
    script:
        "../scripts/describe_runs.py"


rule describe_architecture:
    """The largest model as data and as Mermaid source, for Figure 2."""
    input:
        vocabularies=of_experiment(lookup.corpora_files, "vocabulary.json"),
    output:
        architecture="results/{experiment}/architecture.json",
        mermaid="results/{experiment}/figures/fig2_architecture.mmd",
    log:
        "results/{experiment}/logs/describe_architecture.log",
    localrule: True
    params:
        run=of_experiment(lambda experiment: lookup.settings_of(list(experiment.runs.values())[-1])),
        code=code_digest("describe_architecture"),
    message:
        "Describing the largest model of {wildcards.experiment}"
    script:
        "../scripts/describe_architecture.py"


rule compare_with_published:
    """Measured against published values, by prediction intervals."""
    input:
        metrics="results/{experiment}/metrics.csv",
        published=own("config/published/order_parameter.csv"),
    output:
        comparison="results/{experiment}/comparison.csv",
    log:
        "results/{experiment}/logs/compare_with_published.log",
    localrule: True
    params:
        **function_of_tables("analysis.published_values.compare_with_published"),
        seeds=of_experiment(lookup.seeds_of_the_same_weights),
    message:
        "Comparing {wildcards.experiment} with the published values"
    script:
        "../scripts/make_tables.py"


rule compute_derivative:
    """The loss's derivative by the order parameter, for Figure 5."""
    input:
        metrics="results/{experiment}/metrics.csv",
    output:
        derivative="results/{experiment}/derivative.csv",
    log:
        "results/{experiment}/logs/compute_derivative.log",
    localrule: True
    params:
        **function_of_tables("analysis.derivative.compute_derivative"),
        checkpoint_every=of_experiment(lookup.field_of_runs, "checkpoint_every"),
    message:
        "Differentiating the loss by the order parameter for {wildcards.experiment}"
    script:
        "../scripts/make_tables.py"


rule analyse_transition:
    """Changes of slope, plateau, escape and fluctuations of each size."""
    input:
        metrics="results/{experiment}/metrics.csv",
        entropies="results/{experiment}/entropies.csv",
    output:
        transition="results/{experiment}/transition.csv",
        loss_slope="results/{experiment}/loss_slope.csv",
    log:
        "results/{experiment}/logs/analyse_transition.log",
    benchmark:
        "results/{experiment}/analyse_transition.benchmark.tsv"
    params:
        widths=of_experiment(lookup.field_of_runs, "d_model"),
        code=code_digest("analyse_transition"),
    message:
        "Looking for transitions in {wildcards.experiment}"
    script:
        "../scripts/analyse_transition.py"


rule fit_scaling:
    """A power law of the final losses."""
    input:
        metrics="results/{experiment}/metrics.csv",
    output:
        points="results/{experiment}/scaling_points.csv",
        scaling="results/{experiment}/scaling.csv",
    log:
        "results/{experiment}/logs/fit_scaling.log",
    localrule: True
    params:
        **function_of_tables("analysis.scaling.analyse_scaling"),
        runs=of_experiment(lookup.runs_of),
    message:
        "Fitting a power law to the final losses of {wildcards.experiment}"
    script:
        "../scripts/make_tables.py"
