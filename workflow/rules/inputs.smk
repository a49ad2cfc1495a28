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


def largest_run(wildcards):
    """The run of an experiment's last and largest entry, which overfits first."""
    *_, run = experiment_of(wildcards).runs.values()
    return run


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


def table_of_all_runs(name):
    """Input function: this table of each training job of an experiment."""
    return lambda wildcards: [
        f"results/{wildcards.experiment}/runs/{size}/{job}/{name}"
        for size in experiment_of(wildcards).runs
        for job in experiment_of(wildcards).jobs()
    ]


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


def grids_of_system(wildcards):
    """The grids of config/physics/ising.yaml that one job samples, by name."""
    return {name: grid for name, grid in ising["grids"].items() if grid["system"] == wildcards.system}
