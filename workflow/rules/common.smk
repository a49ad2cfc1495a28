import platform
import re
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from orderparam import code_digest as digests
from orderparam.claims.ledger import load_ledger
from orderparam.settings.config import load_settings
from orderparam.errors import OrderParameterError
from orderparam.settings.physics import load_physics
from orderparam.archive import Record, missing_runs
from orderparam.tracking import close_invocation, open_invocation, print_hint_at_exit

try:
    settings = load_settings(config, ROOT)
    ising = load_physics("ising", ROOT)
    ledger = load_ledger(ROOT)
except OrderParameterError as error:
    raise WorkflowError(str(error)) from None


wildcard_constraints:
    experiment=r"[a-z][a-z0-9_-]*",
    corpus=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    size=r"[A-Za-z0-9][A-Za-z0-9._-]*",
    job=r"seeds-\d+-\d+",
    seed=r"\d+",
    mode="evaluation|dropout",


REPLAYS = [name for name, experiment in settings.experiments.items() if experiment.replay_of]
SURROGATES = [name for name, entry in settings.corpora.items() if "surrogate_of" in entry]


def any_of(names):
    """A wildcard constraint that admits these names, and none where there are none."""
    return "|".join(re.escape(name) for name in names) or "(?!)"


def none_of(names):
    """A wildcard constraint that admits experiments but these."""
    return rf"(?!(?:{any_of(names)})/)[a-z][a-z0-9_-]*"


def code_digest(script, **options):
    """Digest of a rule's script and of the modules it uses: Snakemake itself does not watch imports."""
    return digests.code_digest(LIBRARY / "scripts" / f"{script}.py", LIBRARY / "orderparam", **options)


def uses_accelerator(device):
    if device == "auto":
        apple = platform.system() == "Darwin" and platform.machine() == "arm64"
        return apple or shutil.which("nvidia-smi") is not None
    return device != "cpu"


def everything_of(name):
    experiment = experiment_named(name)
    folder = f"results/{name}"
    return [
        f"{folder}/metrics.csv",
        f"{folder}/derivative.csv",
        f"{folder}/write_up.html",
        *(
            f"{folder}/figures/{figure}.{suffix}"
            for figure in experiment.figures
            for suffix in ("svg", "png")
        ),
        *samples_of(experiment),
    ]


def corpora_of_this_run():
    """Manifests of the corpora that the jobs of this invocation rest on."""
    paths = (Path(path) for job in workflow.dag.jobs for path in (*job.input, *job.output))
    return {path.parent / "corpus.json" for path in paths if path.parent.parent == Path("results/corpora")}


print_hint_at_exit(workflow, config, corpora_of_this_run)
