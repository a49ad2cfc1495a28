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
    # Of a file that it cannot read `configfile` tells neither name nor line.
    check_readable(ROOT)
except OrderParameterError as error:
    raise WorkflowError(str(error)) from None


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/record_inputs.smk"
include: "workflow/rules/corpus.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/metrics.smk"
include: "workflow/rules/probes.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/replay.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/writeup.smk"
include: "workflow/rules/benchmark.smk"
include: "workflow/rules/known_systems.smk"
include: "workflow/rules/claims.smk"


rule all:
    default_target: True
    input:
        everything_of(settings.experiment),


onstart:
    open_invocation(config, Path.cwd(), settings.experiment, sys.argv[1:])


onsuccess:
    close_invocation("FINISHED")


onerror:
    close_invocation("FAILED")
