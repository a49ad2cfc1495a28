"""A folder of all pages with an index, to be put on any static host."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from orderparam.files import atomic_write
from orderparam.pages.page import render_page

TEMPLATE = "site.html.j2"
_LINK = re.compile(r'<a href="(?:\.\./)?([\w-]+)(?:/write_up)?\.html">(.*?)</a>')


def make_site(pages: Iterable[Path], descriptions: Mapping[str, str], answer: str, index: Path) -> None:
    """Copy pages and docs/ beside the index, and write it: each page with what it is about and its findings.

    A page is <experiment>/write_up.html or lies in results/ itself; beside it, .txt holds its findings.
    `descriptions` has those of pages, and `answer` is that with which the index begins. Of a link to a page
    that is not among them the text alone remains.
    """
    entries = []
    by_name = {page.parent.name if page.stem == "write_up" else page.stem: page for page in pages}

    def relink(link: re.Match[str]) -> str:
        return f'<a href="{link[1]}.html">{link[2]}</a>' if link[1] in by_name else link[2]

    for name, page in by_name.items():
        text = _LINK.sub(relink, page.read_text("utf-8"))
        text = re.sub(r'href="(\.\./)+docs/', 'href="docs/', text)
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
