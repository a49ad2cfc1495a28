"""What the jobs recorded of themselves, as a whole: which made what, and how they depend on each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from orderparam.errors import RecordError
from orderparam.files import read_json

ROW, COLUMN, BOX = 34, 250, 200
Job = Mapping[str, Any]


def jobs_behind(files: Iterable[str]) -> list[Job]:
    """The records of the jobs that made the files, of those that made their inputs, and so on, by time.

    Paths are relative to the project, which is the working folder. What no record tells of, such as a text of
    the user's own or a recorded run, was made by no job.
    """
    makers: dict[str, Job] = {}
    for path in sorted(Path().glob("results/*/jobs/*.json")):
        # A damaged one is told of by who brings the store up to date.
        with suppress(RecordError, KeyError, TypeError, ValueError, AttributeError):
            record = _read_job(path)
            makers |= {file["path"]: record for file in record["outputs"]}
    found: dict[str, Job] = {}
    waiting = list(files)
    while waiting:
        job = makers.get(waiting.pop())
        if job and job["id"] not in found:
            found[job["id"]] = job
            waiting += [file["path"] for file in job["inputs"]]
    return sorted(found.values(), key=lambda job: int(job["start_time"]))


def _read_job(path: Path) -> Job:
    """What is used of a job's record; KeyError and others where it is none."""
    content = read_json(path)
    files = {
        kind: [{key: file[key] for key in ("name", "path", "sha256", "bytes")} for file in content[kind]]
        for kind in ("inputs", "outputs")
    }
    tags = {"rule": str(content["tags"]["rule"]), **content["tags"]}
    times = {
        "start_time": int(content["start_time"]),
        "end_time": content["end_time"] and int(content["end_time"]),
    }
    return {"id": str(content["id"]), "name": str(content["name"]), "tags": tags, **files, **times}


def draw_rules(jobs: Iterable[Job]) -> dict[str, Any]:
    """The rules of jobs as boxes, each to the right of all that it waits for, and lines between them.

    Boxes have name, jobs (their number), x and y; lines the two ends; lengths are those of the drawing, whose
    `width` and `height` are given.
    """
    jobs = list(jobs)
    maker = {file["path"]: job["tags"]["rule"] for job in jobs for file in job["outputs"]}
    counts: dict[str, int] = {}
    before: dict[str, set[str]] = {}
    for job in jobs:
        rule = job["tags"]["rule"]
        counts[rule] = counts.get(rule, 0) + 1
        sources = {maker[file["path"]] for file in job["inputs"] if file["path"] in maker}
        before.setdefault(rule, set()).update(sources - {rule})
    places: dict[str, tuple[int, int]] = {}
    filled: list[int] = []
    waiting = sorted(before)
    while waiting:
        # Records of different times may contradict each other: what waits in a circle is placed as it comes.
        ready = [rule for rule in waiting if before[rule] <= places.keys()] or waiting
        for rule in ready:
            column = 1 + max((places[each][0] for each in before[rule] if each in places), default=-1)
            filled += [0] * (column + 1 - len(filled))
            places[rule] = column, filled[column]
            filled[column] += 1
        waiting = [rule for rule in waiting if rule not in places]
    boxes: dict[str, dict[str, Any]] = {
        rule: {"name": rule, "jobs": counts[rule], "x": COLUMN * column, "y": ROW * row}
        for rule, (column, row) in places.items()
    }
    lines = [
        {
            "x1": boxes[source]["x"] + BOX,
            "y1": boxes[source]["y"] + ROW / 2 - 4,
            "x2": boxes[rule]["x"],
            "y2": boxes[rule]["y"] + ROW / 2 - 4,
        }
        for rule in sorted(before)
        for source in sorted(before[rule])
    ]
    size = {"width": COLUMN * len(filled) - COLUMN + BOX, "height": ROW * max(filled, default=0), "box": BOX}
    return {"boxes": list(boxes.values()), "lines": lines, **size}
