import re
import sys
from dataclasses import asdict
from functools import cache

from orderparam import lookup
from orderparam.archive.replay import with_recorded
from orderparam.claims.ledger import LEDGER_FILE, load_ledger
from orderparam.code_digest import code_as_read, code_digest as digest_of
from orderparam.environment import uses_accelerator
from orderparam.figure_register import (
    EXPERIMENT,
    FIGURES,
    KNOWN_SYSTEMS,
    category_of,
    figure_files,
    figure_tables,
)
from orderparam.errors import OrderParameterError
from orderparam.files import sha256_of_file
from orderparam.preflight import check_before_start, check_links
from orderparam.settings.config import find_experiment, load_settings
from orderparam.settings.experiment import PUBLISHED
from orderparam.settings.ising_file import ISING_FILE, load_ising
from orderparam.settings.words import find
from orderparam.training import cost
from orderparam.training.schedule import checkpoint_steps
from orderparam.tracking import (
    close_invocation,
    finish_at_exit,
    keep_lines_short,
    open_invocation,
    unlock_after_a_kill,
)
from snakemake.logging import logger


def root_of(path):
    """The folder that has a file of this workflow: the project, else the workflow's source."""
    return ROOT if (ROOT / path).exists() else SOURCE


def own(path):
    """The path of a file of this workflow, where another project may import it."""
    return path if root_of(path) == ROOT else f"{SOURCE}/{path}"


if workflow.is_main_process:
    unlock_after_a_kill(ROOT)
try:
    settings = with_recorded(load_settings(config, ROOT), ROOT)
    ising = load_ising(root_of(ISING_FILE))
    ledger = load_ledger(root_of(LEDGER_FILE))
    # Snakemake's own targets are not known yet, and its report may lie anywhere; nor are those of a workflow
    # that imports this one.
    ours = SOURCE in Path(workflow.main_snakefile).resolve().parents
    if ours and workflow.is_main_process and "--report" not in sys.argv:
        for target in sys.argv[1:]:
            lookup.check_target(target, settings)
except OrderParameterError as error:
    raise WorkflowError(str(error)) from None


wildcard_constraints:
    experiment=r"[a-z][a-z0-9_-]*",
    corpus=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    size=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    job=r"seeds-\d+-\d+",
    seed=r"\d+",
    mode="evaluation|dropout",


def code_digest(script, *modules, **options):
    """Digest of a rule's script and of the modules it uses: Snakemake itself does not watch imports.

    `modules` are those whose names the script computes.
    """
    path = LIBRARY / "scripts" / f"{script}.py"
    return digest_of(path, LIBRARY / "orderparam", include=modules, **options)


def function_of_tables(name):
    """The parameters of make_tables.py that say which function of the library makes the tables."""
    return {"function": name, "code": code_digest("make_tables", name.rpartition(".")[0])}


@cache
def find_sound(name):
    """The experiment of this name; RecordError where what it replays is damaged.

    Files of a record have the times of a checkout: while all that was made of them is there, no job reads them.
    """
    experiment = find_experiment(settings, name)
    if workflow.is_main_process and (record := lookup.record_of(experiment)):
        record.check_listed()
    return experiment


def experiment_of(wildcards):
    return find_sound(wildcards.experiment)


def run_of(wildcards):
    return lookup.find_run(experiment_of(wildcards), wildcards.size)


def of_experiment(function, *arguments):
    """Input or parameter function: what a function of orderparam/lookup.py says of the experiment."""
    return lambda wildcards: function(experiment_of(wildcards), *arguments)


def tables_and_record(name):
    """Input function: a table of every training job, and of a replay the whole record.

    A record's files are followed through its manifest, since a fresh checkout gives them new times.
    """

    def find(wildcards):
        experiment = experiment_of(wildcards)
        tables, record = lookup.tables_of_jobs(experiment, name), lookup.files_of_record(experiment)
        if not record:
            return {"tables": tables}
        manifest = [path for path in record if Path(path).name == "manifest.json"]
        return {"tables": ancient(tables), "record": ancient(record), "manifest": manifest}

    return find


def seeds_of(wildcards):
    return [asdict(seeds) for seeds in lookup.find_seeds(experiment_of(wildcards), wildcards.job)]


def corpus_of_run(name):
    """Input function: a file of the corpus that a run learns."""
    return lambda wildcards: (
        f"{lookup.corpus_folder(experiment_of(wildcards), run_of(wildcards).corpus)}/{name}"
    )


def is_on_gpu(run):
    # Where nodes are counted, by --jobs, jobs are sent to other machines.
    here = not workflow.remote_exec and workflow.resource_settings.nodes is None
    return uses_accelerator(run.device, here)


def of_run(function):
    """Parameter or resource function: what is said of how a size is trained."""
    return lambda wildcards: function(run_of(wildcards))


settings_of_run = of_run(lookup.settings_of)
device_of_run = of_run(lambda run: run.device)
# None leaves a resource out, which some executors tell from 0.
gpus_of_run = of_run(lambda run: 1 if is_on_gpu(run) else None)
gpu_manufacturer = of_run(lambda run: "nvidia" if is_on_gpu(run) and run.device != "mps" else None)


def memory_of_run(wildcards, attempt):
    run = run_of(wildcards)
    return cost.megabytes(run, is_on_gpu(run), attempt)


def time_to_train(wildcards, attempt):
    run = run_of(wildcards)
    seeds, characters = len(seeds_of(wildcards)), lookup.characters_of(run.corpus)
    return cost.minutes(cost.seconds_to_train(run, seeds, characters, is_on_gpu(run)), attempt)


def time_to_read(wildcards, attempt):
    """Minutes for what reads a training's checkpoints: all that are verified, if that is longest."""
    run, experiment = run_of(wildcards), experiment_of(wildcards)
    seeds = len(seeds_of(wildcards)) if "job" in wildcards.keys() else 1
    count, verified = len(checkpoint_steps(run)), experiment.verified_checkpoints[run.size]
    read = count if verified == "all" else min(count, verified)
    seconds = cost.seconds_to_read(run, seeds, lookup.characters_of(run.corpus), read, is_on_gpu(run))
    return cost.minutes(seconds, attempt)


def job_of_seed(wildcards):
    """The training job whose weights a sample is drawn from."""
    return lookup.job_of_seed(experiment_of(wildcards), int(wildcards.seed))


def any_of(names):
    """A wildcard constraint that admits these names, and none where there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def corpus_entry(wildcards):
    return find("there is no corpus", wildcards.corpus, settings.corpora)


@cache
def sum_of_text(file):
    return sha256_of_file(file) if Path(file).is_file() else None


def sum_of_own_text(wildcards):
    entry = corpus_entry(wildcards)
    return sum_of_text(entry["file"]) if "file" in entry else None


def origin_of_corpus(wildcards):
    """A text of the user's own, so that an edit is noticed, or the corpus that a surrogate is sampled from."""
    entry = corpus_entry(wildcards)
    if "surrogate_of" in entry:
        folder = f"results/corpora/{entry['surrogate_of']}"
        return {"text": ancient(f"{folder}/corpus.txt"), "manifest": f"{folder}/corpus.json"}
    return {"file": entry["file"]} if "file" in entry and Path(entry["file"]).exists() else {}


def inputs_of_figure(scope, figure):
    """Input function: the tables of a figure by argument."""
    if scope == EXPERIMENT:
        return of_experiment(lookup.figure_inputs, figure, own("config/published"))
    return lambda wildcards: figure_tables(scope, figure, ISING_SYSTEMS, results=f"results/{scope}")


def claims_on(wildcards):
    if wildcards.experiment == "known_systems":
        claims = ledger.of_known_systems()
    else:
        claims = ledger.of_experiment(lookup.name_in_ledger(experiment_of(wildcards)))
    return [asdict(claim) for claim in claims]


def tables_for_claims(wildcards):
    if wildcards.experiment == "known_systems":
        return ledger.tables_of_known_systems()
    experiment = experiment_of(wildcards)
    return lookup.tables_to_judge(experiment, ledger.tables_of(lookup.name_in_ledger(experiment)))


# A replay has the sizes that are recorded, its namesake those that are not, too.
def runs_for_claims(wildcards):
    if wildcards.experiment == "known_systems":
        return {}
    experiment = experiment_of(wildcards)
    namesake = settings.experiments.get(experiment.replay_of, experiment)
    return {**lookup.runs_of(namesake), **lookup.runs_of(experiment)}


def gathered_experiments(wildcards):
    return [find_sound(name) for name in ledger.experiments]


def sections_of_page(wildcards):
    """Of each table of verdicts that is gathered: its name, and what it was judged on."""
    sections = [
        {"name": experiment.name, "description": experiment.description}
        for experiment in gathered_experiments(wildcards)
    ]
    known = {
        "name": "known_systems",
        "description": "Systems whose answers are known, the detector of slope changes, and the training engine.",
    }
    return [*sections, known]


def check_first():
    """Check what would make a training job fail, before Snakemake deletes what that is to replace."""
    if workflow.touch:
        return
    outputs = [str(path) for job in workflow.dag.needrun_jobs() for path in job.output]
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name == "train_model"]
    here = workflow.executor_plugin.common_settings.local_exec
    try:
        check_links(ROOT, outputs)
        runs = [(run_of(job.wildcards), len(seeds_of(job.wildcards))) for job in jobs]
        if estimate := check_before_start(ROOT, settings.corpora, runs, here):
            print(estimate, file=sys.stderr)
    except OrderParameterError as error:
        raise WorkflowError(str(error)) from None


def forced_outputs():
    """The outputs that this invocation was told to make anew."""
    dag = workflow.dag
    return [str(path) for job in dag.needrun_jobs() if dag.reason(job).forced for path in job.output]


keep_lines_short(logger)
finish_at_exit(workflow, config)
