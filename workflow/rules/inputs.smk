# What wildcards stand for: the functions from which rules take inputs and parameters.


def experiment_named(name):
    if name in settings.unreadable:
        raise WorkflowError(f"experiment {name!r} cannot be replayed: {settings.unreadable[name]}")
    try:
        return settings.experiments[name]
    except KeyError:
        known = ", ".join(sorted({*settings.experiments, *settings.unreadable}))
        raise WorkflowError(f"there is no experiment {name!r}; config/experiments/ has {known}") from None


def experiment_of(wildcards):
    return experiment_named(wildcards.experiment)


def run_of(wildcards):
    experiment = experiment_of(wildcards)
    if experiment.replay_of:
        raise WorkflowError(
            f"experiment {experiment.name!r} replays what is recorded of {experiment.replay_of!r}: it has no "
            "runs of its own"
        )
    try:
        return experiment.runs[wildcards.size]
    except KeyError:
        raise WorkflowError(
            f"experiment {experiment.name!r} has no size {wildcards.size!r}; "
            f"it has {', '.join(experiment.runs)}"
        ) from None


def seeds_of(wildcards):
    experiment = experiment_of(wildcards)
    try:
        return experiment.seeds_of(wildcards.job)
    except KeyError:
        raise WorkflowError(
            f"experiment {experiment.name!r} has no training job {wildcards.job!r}; "
            f"it has {', '.join(experiment.jobs())}"
        ) from None


def corpus_of(wildcards):
    """Corpus of a run, or of a whole experiment where there is no size."""
    if hasattr(wildcards, "size"):
        return run_of(wildcards).corpus
    return experiment_of(wildcards).corpus


def corpus_file(name):
    """Input function: this file of a run's or an experiment's corpus; of the recorded one, in a replay."""

    def file(wildcards):
        corpus = corpus_of(wildcards)
        return f"{corpora_folder(experiment_of(wildcards))}/{corpus}/{name}"

    return file


def file_of_all_corpora(name):
    """Input function: this file of each corpus that an experiment rests on, its own first."""

    def files(wildcards):
        experiment = experiment_of(wildcards)
        corpora = dict.fromkeys([experiment.corpus, *(run.corpus for run in experiment.runs.values())])
        return [f"{corpora_folder(experiment)}/{corpus}/{name}" for corpus in corpora]

    return files


def table_of_all_runs(name):
    """Input function: this table of each training job of an experiment."""
    return lambda wildcards: [
        f"results/{wildcards.experiment}/runs/{size}/{job}/{name}"
        for size in experiment_of(wildcards).runs
        for job in experiment_of(wildcards).jobs()
    ]


def corpus_entry(wildcards):
    try:
        return settings.corpora[wildcards.corpus]
    except KeyError:
        raise WorkflowError(
            f"there is no corpus {wildcards.corpus!r}; config/config.yaml has {', '.join(settings.corpora)}"
        ) from None


def surrogate_origin(wildcards):
    return corpus_entry(wildcards)["surrogate_of"]


def own_text_file(wildcards):
    """A corpus that is the user's own file is an input, so that an edit is noticed."""
    entry = corpus_entry(wildcards)
    return [entry["file"]] if "file" in entry and Path(entry["file"]).exists() else []


def job_of_seed(experiment, seed):
    for job in experiment.jobs():
        if seed in (seeds.seed for seeds in experiment.seeds_of(job)):
            return job
    known = ", ".join(str(seeds.seed) for seeds in experiment.seeds)
    raise WorkflowError(f"experiment {experiment.name!r} has no seed {seed}; it has {known}")


def checkpoints_of_seed(wildcards):
    job = job_of_seed(experiment_of(wildcards), int(wildcards.seed))
    return f"results/{wildcards.experiment}/runs/{wildcards.size}/{job}/checkpoints"


def checkpoints_to_start_from(wildcards):
    """The checkpoints of the same seeds' runs whose final weights are the initial ones, if any are."""
    source = run_of(wildcards).start_from
    if source is None:
        return []
    return f"results/{wildcards.experiment}/runs/{source}/{wildcards.job}/checkpoints"


def samples_of(experiment):
    """A sample of each size's first seed, in evaluation mode and, where configured, with dropout."""
    folder = f"results/{experiment.name}/samples"
    if experiment.replay_of:
        return [f"{folder}/{path.parent.name}/{path.name}" for path in record_of(experiment).samples()]
    modes = ["evaluation", "dropout"] if experiment.sampling.with_dropout else ["evaluation"]
    seed = experiment.seeds[0].seed
    return [f"{folder}/{size}/seed-{seed}-{mode}.txt" for size in experiment.runs for mode in modes]


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


def grids_of_system(wildcards):
    """The grids of config/physics/ising.yaml that one job samples, by name."""
    return {name: grid for name, grid in ising["grids"].items() if grid["system"] == wildcards.system}


def architecture_of(wildcards):
    """The experiment's last model entry, which Figure 2 draws."""
    *_, run = experiment_of(wildcards).runs.values()
    return run.to_dict()
