"""An experiment as a Workflow Run RO-Crate: its files with digests, and the jobs that made them."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from orderparam.files import atomic_write, sha256_of_file
from orderparam.pages.provenance import Job

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
}
LICENCE = "https://spdx.org/licenses/MIT"
# What a workflow consists of beside its Snakefile.
WORKFLOW = ("workflow/rules/*.smk", "config/config.yaml", "envs/requirements.txt")
DONE = "http://schema.org/CompletedActionStatus"


def make_crate(
    name: str, description: str, jobs: Iterable[Job], settings: Iterable[str], zip_file: Path
) -> None:
    """Write the crate of the experiment `name`, whose `jobs` ended, as a zip file.

    `settings` are the paths of its files in config/. The working folder is the project's. Of a file that is
    no longer there as the jobs had it, or lies elsewhere, and of a folder of checkpoints, the crate has the
    digest alone.
    """
    jobs = list(jobs)
    crate = ROCrate(version="1.1")
    crate.name, crate.description = f"Experiment {name}", description
    crate.license = crate.add(ContextEntity(crate, LICENCE, {"@type": "CreativeWork", "name": "MIT licence"}))
    tags = jobs[-1]["tags"]
    workflow = crate.add_workflow(
        "Snakefile", "Snakefile", main=True, lang="snakemake", lang_version=tags.get("version.snakemake")
    )
    workflow.append_to(
        "conformsTo", {"@id": "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"}
    )
    workflow["name"] = "The order parameter of a language model, reproducibly"
    workflow["version"] = tags.get("git.commit", "unknown")
    workflow["softwareRequirements"] = [
        _add(crate, f"#{key[8:]}", "SoftwareApplication", name=key[8:], version=value)
        for key, value in tags.items()
        if key.startswith("version.")
    ]
    for profile, title in PROFILES.items():
        entity = _add(crate, profile, "CreativeWork", name=title, version="0.5")
        crate.root_dataset.append_to("conformsTo", entity)
    for path in (*settings, *(str(path) for pattern in WORKFLOW for path in sorted(Path().glob(pattern)))):
        crate.add_file(path, path, properties={"encodingFormat": "text/plain"})
    files = {file["path"]: file for job in jobs for file in (*job["inputs"], *job["outputs"])}
    entities = {path: _add_file(crate, path, file) for path, file in sorted(files.items())}
    scripts = {job["tags"]["mlflow.source.name"] for job in jobs if "mlflow.source.name" in job["tags"]}
    tools = {
        path: crate.add_file(
            path, path, properties={"@type": ["File", "SoftwareSourceCode"], "name": Path(path).name}
        )
        for path in sorted(scripts)
        if _is_own_file(path)
    }
    made = {file["path"] for job in jobs for file in job["outputs"]}
    given = sorted(path for job in jobs for path in {file["path"] for file in job["inputs"]} - made)
    for job in jobs:
        _add_action(crate, job, tools.get(job["tags"].get("mlflow.source.name"), workflow), entities)
    crate.add_action(
        workflow,
        identifier=f"#run-of-{name}",
        object=[entities[path] for path in dict.fromkeys(given)],
        result=[entities[path] for path in sorted(made)],
        properties={
            "name": f"The workflow's runs that made experiment {name}",
            "startTime": _time(min(job["start_time"] for job in jobs)),
            "endTime": _time(max(job["end_time"] or job["start_time"] for job in jobs)),
            "actionStatus": DONE,
            "description": f"snakemake --cores 2 --config experiment={name}",
        },
    )
    with atomic_write(zip_file, "wb") as file:
        for part in crate.stream_zip():
            file.write(part)


def _add(crate: ROCrate, identifier: str, kind: str, **properties: Any) -> Any:
    return crate.add(ContextEntity(crate, identifier, {"@type": kind, **properties}))


def _add_file(crate: ROCrate, path: str, file: dict[str, Any]) -> Any:
    known = {"name": path, "sha256": file["sha256"], "contentSize": str(file["bytes"])}
    properties = {key: value for key, value in known.items() if value not in (None, "None")}
    if not _is_own_file(path) or sha256_of_file(path) != file["sha256"]:
        return _add(crate, f"#{path}", "CreativeWork", **properties)
    kind, _ = mimetypes.guess_type(path)
    return crate.add_file(path, path, properties={**properties, "encodingFormat": kind or "text/plain"})


def _is_own_file(path: str) -> bool:
    """Whether it is a file of this project, and not another that a record of elsewhere names."""
    return Path(path).is_file() and Path(path).resolve().is_relative_to(Path.cwd().resolve())


def _add_action(crate: ROCrate, job: Job, tool: Any, entities: dict[str, Any]) -> Any:
    return crate.add_action(
        tool,
        identifier=f"#job-{job['id']}",
        object=[entities[file["path"]] for file in job["inputs"]],
        result=[entities[file["path"]] for file in job["outputs"]],
        properties={
            "name": job["name"],
            "startTime": _time(job["start_time"]),
            "endTime": _time(job["end_time"] or job["start_time"]),
            "actionStatus": DONE,
            "description": job["tags"].get("regenerate", job["tags"].get("rule", "")),
        },
    )


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
