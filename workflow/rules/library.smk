import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
LIBRARY = ROOT / "workflow"
if str(LIBRARY) not in sys.path:
    sys.path.insert(0, str(LIBRARY))

from snakemake.exceptions import WorkflowError

from orderparam.settings.config import check_readable
from orderparam.errors import OrderParameterError

try:
    check_readable(ROOT)
except OrderParameterError as error:
    raise WorkflowError(str(error)) from None
