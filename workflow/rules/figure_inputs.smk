# What the figures of an experiment are drawn from.


def tables_of(figure):
    """Input function: the figure's tables, published values only where the experiment is compared with them."""

    def tables(wildcards):
        compared = experiment_of(wildcards).compare_with_published
        return {
            argument: path(wildcards) if callable(path) else path.format(**wildcards)
            for argument, path in FIGURES[figure].items()
            if compared or argument != "published"
        }

    return tables


def sizes_on_own_corpus(wildcards):
    """The sizes that train on the experiment's corpus, whose n-gram entropies the figures show."""
    experiment = experiment_of(wildcards)
    return [size for size, run in experiment.runs.items() if run.corpus == experiment.corpus]


def architecture_of(wildcards):
    """The experiment's last model entry, which Figure 2 draws."""
    return largest_run(wildcards).to_dict()
