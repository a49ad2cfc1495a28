from pathlib import Path

import orderparam
from orderparam.errors import OrderParameterError
from orderparam.settings.config import check_readable
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.0")

ROOT = Path(workflow.basedir)
LIBRARY = ROOT / "workflow"
if not Path(orderparam.__file__).parents[1].samefile(LIBRARY):
    raise WorkflowError(f"{orderparam.__file__} is another project's library; install this one: make env")
try:
    # `configfile` names neither file nor line where it cannot read one.
    check_readable(ROOT)
except OrderParameterError as error:
    raise WorkflowError(str(error)) from None


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/corpus.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/known_systems.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/benchmark.smk"


rule all:
    """All of the experiment that config.yaml names, or --config experiment=NAME: the default."""
    default_target: True
    input:
        lambda wildcards: lookup.everything_of(find_experiment(settings, settings.experiment)),


# One environment serves every rule.
for each in workflow.rules:
    each.conda_env = f"{workflow.basedir}/envs/orderparam.yaml"


onstart:
    check_first()
    open_invocation(workflow, config, settings.experiment, forced_outputs())


onsuccess:
    close_invocation("FINISHED")


onerror:
    close_invocation("FAILED")
