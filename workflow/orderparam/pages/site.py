"""A folder of all pages with an index, to be put on any static host."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from orderparam.files import atomic_write
from orderparam.pages.page import render_page

TEMPLATE = "site.html.j2"


def make_site(
    pages: Iterable[Path], descriptions: Mapping[str, str], answer: Sequence[str], index: Path
) -> None:
    """Copy pages and docs/ beside the index, and write it: each page with what it is about and its findings.

    A page is <experiment>/write_up.html or lies in results/ itself; beside it, .txt holds its findings.
    `descriptions` has those of experiments, `answer` the points with which the index begins.
    """
    entries = []
    for page in pages:
        name = page.parent.name if page.stem == "write_up" else page.stem
        text = (
            page.read_text("utf-8").replace('href="../../docs/', 'href="docs/').replace('href="../', 'href="')
        )
        with atomic_write(index.with_name(f"{name}.html")) as file:
            file.write(text)
        findings = page.with_suffix(".txt")
        entries.append(
            {
                "name": name,
                "title": name.replace("_", " "),
                "description": descriptions.get(name, ""),
                "findings": findings.read_text("utf-8").strip() if findings.exists() else "",
            }
        )
    shutil.copytree("docs", index.with_name("docs"), dirs_exist_ok=True)
    with atomic_write(index) as file:
        file.write(render_page(TEMPLATE, [], entries=entries, answer=answer))
