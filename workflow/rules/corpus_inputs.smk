# The texts that runs and experiments rest on, and where a text comes from.


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

    return lambda wildcards: files_of_corpora(experiment_of(wildcards), name)


def files_of_corpora(experiment, name):
    corpora = dict.fromkeys([experiment.corpus, *(run.corpus for run in experiment.runs.values())])
    return [f"{corpora_folder(experiment)}/{corpus}/{name}" for corpus in corpora]


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
