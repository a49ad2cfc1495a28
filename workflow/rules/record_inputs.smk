# What is taken from records, and what is compared with published values.


def corpora_folder(experiment):
    origin = experiment.replay_of
    return f"results/recorded/{origin}/corpora" if origin else "results/corpora"


def seeds_of_the_same_weights(wildcards):
    """The runs that begin with the initial weights of the experiment's first seed."""
    seeds = experiment_of(wildcards).seeds
    return [seed.seed for seed in seeds if seed.weights == seeds[0].weights]


def comparison_of(wildcards):
    compared = experiment_of(wildcards).compare_with_published
    return [f"results/{wildcards.experiment}/comparison.csv"] if compared else []


def missing_from_record(wildcards):
    """What a replayed experiment asks for and its record lacks; nothing to tell of others."""
    experiment = experiment_of(wildcards)
    return missing_runs(record_of(experiment)) if experiment.replay_of else []


def record_of(experiment):
    return Record(ROOT / "results" / "recorded" / experiment.replay_of)


def files_of_record(wildcards):
    return [path.relative_to(ROOT).as_posix() for path in record_of(experiment_of(wildcards)).files]


def recorded_sample(wildcards):
    origin = experiment_of(wildcards).replay_of
    return f"results/recorded/{origin}/samples/{wildcards.size}/seed-{wildcards.seed}-{wildcards.mode}.txt"


def record_manifest(wildcards):
    return f"results/recorded/{experiment_of(wildcards).replay_of}/manifest.json"
