# What the claims are judged on.


def can_be_made(path):
    """Whether a file is there or the workflow makes it, of which parts may be left out."""
    return Path(path).exists() or any(known.is_producer(path) for known in workflow.rules)


def name_in_ledger(wildcards):
    """The experiment whose claims these are; a replay answers for the experiment that was recorded."""
    experiment = experiment_of(wildcards)
    return experiment.replay_of or experiment.name


def claims_on(wildcards):
    return [asdict(claim) for claim in ledger.of_experiment(name_in_ledger(wildcards))]


def tables_for_claims(wildcards):
    """The tables that the claims on an experiment are judged on, as far as the experiment has them."""
    experiment = experiment_of(wildcards)
    lacking = set() if experiment.compare_with_published else {"comparison.csv"}
    if experiment.replay_of:
        # What is read off checkpoints is there only if it was recorded.
        lacking.add("sample_quality.csv")
        if not all((job.folder / "probes.csv").exists() for job in record_of(experiment).jobs()):
            lacking.add("probes.csv")
    paths = (
        f"results/{experiment.name}/{name}"
        for name in ledger.tables_of(name_in_ledger(wildcards))
        if name not in lacking
    )
    return [path for path in paths if can_be_made(path)]


def tables_of_known_systems(wildcards):
    return [path for path in ledger.tables_of_known_systems() if can_be_made(path)]


def inputs_of_largest_size(wildcards):
    """Checkpoints and metrics of the largest size's first training job, and its corpus."""
    experiment, run = experiment_of(wildcards), largest_run(wildcards)
    folder = f"results/{experiment.name}/runs/{run.size}/{experiment.jobs()[0]}"
    corpus = f"{corpora_folder(experiment)}/{run.corpus}"
    return {
        "checkpoints": f"{folder}/checkpoints",
        "metrics": f"{folder}/metrics.csv",
        "tokens": f"{corpus}/tokens.npy",
        "vocabulary": f"{corpus}/vocabulary.json",
    }


def sections_of_ledger(wildcards):
    """Of each table of verdicts that is gathered: its name, what it was judged on, and the figures of that."""
    experiments = [experiment_named(name) for name in ledger.experiments]
    sections = [
        {
            "name": experiment.name,
            "description": experiment.description,
            "figures": [f"results/{experiment.name}/figures/{figure}.svg" for figure in experiment.figures],
        }
        for experiment in experiments
    ]
    known = {
        "name": "known_systems",
        "description": "Systems whose answers are known, the detector of slope changes, and the training engine.",
        "figures": [f"{figure}.svg" for figure in KNOWN_SYSTEM_FIGURES],
    }
    return [*sections, known]


def figures_of_ledger(wildcards):
    return [svg for section in sections_of_ledger(wildcards) for svg in section["figures"]]


def captions_of_ledger(wildcards):
    return [f"workflow/report/{Path(svg).stem}.rst" for svg in dict.fromkeys(figures_of_ledger(wildcards))]


def vocabularies_of_ledger(wildcards):
    """That of each corpus that the gathered verdicts rest on, so that the page tells of a stand-in."""
    experiments = [experiment_named(name) for name in ledger.experiments]
    return sorted({path for each in experiments for path in files_of_corpora(each, "vocabulary.json")})
