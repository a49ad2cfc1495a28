"""Real jobs for the tests of tracking: what Snakemake gives to a script, and processes that have it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snakemake.iocontainers import InputFiles, Log, OutputFiles, Params, ResourceList, Snakemake, Wildcards

PROJECT = Path(__file__).parents[1]


def script_object(
    rule: str = "draw_figure",
    wildcards: Mapping[str, str] | None = None,
    input: Mapping[str, str] | None = None,
    output: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    log: str | None = None,
) -> Snakemake:
    """Snakemake's own object, as unpickled in a script; tracking is off unless `config` turns it on."""
    return Snakemake(
        InputFiles(fromdict=dict(input or {})),
        OutputFiles(fromdict=dict(output or {"svg": "results/preview/figures/fig4.svg"})),
        Params(fromdict=dict(params or {})),
        Wildcards(fromdict=dict(wildcards or {"experiment": "preview"})),
        1,
        ResourceList(fromdict={"_cores": 1, "tmpdir": "/tmp", "mem_mb": 100}),
        Log([log] if log else []),
        dict(config or {"tracking": {"enabled": False}}),
        rule,
        None,
    )


def start_job(root: Path, body: str, settings: str = "", **environment: str) -> subprocess.Popen[str]:
    """A process in `root` that runs `body` in a tracked job made by `script_object(<settings>)`."""
    code = f"""
from tracking_helpers import script_object
from orderparam.tracking import tracked_job
import sys, time
from pathlib import Path
with tracked_job(script_object({settings})) as job:
{textwrap.indent(textwrap.dedent(body), "    ")}
"""
    return start_python(root, code, **environment)


def start_python(root: Path, code: str, **environment: str) -> subprocess.Popen[str]:
    """A process in `root` that runs `code` and can import this module."""
    search_path = os.pathsep.join([str(PROJECT / "tests"), str(PROJECT / "tests/tracking")])
    unwanted = ("MLFLOW_TRACKING_URI", "ORDERPARAM_INVOCATION")
    inherited = {key: value for key, value in os.environ.items() if key not in unwanted}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=root,
        env={**inherited, "PYTHONPATH": search_path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
