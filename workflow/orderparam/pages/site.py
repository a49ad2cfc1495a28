"""A folder of all pages with an index, to be put on any static host; docs/ are pages of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from markdown_it import MarkdownIt
from markdown_it.token import Token

from orderparam.files import atomic_write
from orderparam.pages.claims import VERDICT_CLASSES
from orderparam.pages.page import render_page

TEMPLATE, DOCUMENT = "site.html.j2", "document.html.j2"
_TO_INDEX = '<p class="origin"><a href="index.html">All pages</a></p>'
_LINK = re.compile(r'<a href="(?:\.\./)?([\w-]+)(?:/write_up)?\.html">(.*?)</a>')
_DOCUMENT_LINK = re.compile(r'href="(?:\.\./)+docs/([\w-]+)\.md"')


def make_site(
    pages: Iterable[Path], descriptions: Mapping[str, str], verdicts: pd.DataFrame, answer: str, index: Path
) -> None:
    """Copy pages and docs/ beside the index, and write it: each page with what it is about and its findings.

    A page is <experiment>/write_up.html or lies in results/ itself; beside it, .txt holds its findings.
    `descriptions` has those of pages, `verdicts`, a tables.ALL_CLAIMS, what was judged on them, and `answer`
    is that with which the index begins. Of a link to a page that is not among them the text alone remains.
    """
    entries = []
    by_name = {page.parent.name if page.stem == "write_up" else page.stem: page for page in pages}

    def relink(link: re.Match[str]) -> str:
        return f'<a href="{link[1]}.html">{link[2]}</a>' if link[1] in by_name else link[2]

    for name, page in by_name.items():
        text = _LINK.sub(relink, page.read_text("utf-8"))
        text = _DOCUMENT_LINK.sub(r'href="docs/\1.html"', text)
        text = text.replace("<main>", f"<main>\n{_TO_INDEX}", 1)
        with atomic_write(index.with_name(f"{name}.html")) as file:
            file.write(text)
        findings = page.with_suffix(".txt")
        entries.append(
            {
                "name": name,
                "title": name.removesuffix("_recorded").replace("_", " "),
                "description": descriptions.get(name, ""),
                "findings": findings.read_text("utf-8").strip() if findings.exists() else "",
                **_judged(verdicts, name),
            }
        )
    documents = []
    copy = index.with_name("docs")
    shutil.copytree("docs", copy, dirs_exist_ok=True)
    for document in sorted(copy.glob("*.md")):
        title, text = render_document(document)
        with atomic_write(document.with_suffix(".html")) as file:
            file.write(text)
        documents.append({"name": document.stem, "title": title})
    with atomic_write(index) as file:
        file.write(render_page(TEMPLATE, [], entries=entries, documents=documents, answer=answer))


def _judged(verdicts: pd.DataFrame, name: str) -> dict[str, Any]:
    """The claims that a page's experiment decides best, and in words how many have which verdict."""
    own = verdicts[(verdicts["role"] == "verdict") & (verdicts["judged_on"] == name)]
    counts = own["verdict"].value_counts()
    told = [f"{counts[verdict]} {verdict}" for verdict in VERDICT_CLASSES if verdict in counts]
    claims = [
        {"text": row["claim"], "verdict": row["verdict"], "class": VERDICT_CLASSES[row["verdict"]]}
        for row in own.to_dict("records")
    ]
    return {"claims": claims, "counts": ", ".join(told)}


def render_document(document: Path) -> tuple[str, str]:
    """The title of a Markdown file of docs/, its first line, and a page of its text, both as HTML.

    Links to other documents lead to their pages; of one to a file that is not beside the document, the text
    alone remains.
    """

    # Raw HTML stays what is written: text.
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("table_open", lambda *_: '<div class="scroll"><table>\n')
    markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
    tokens = markdown.parse(document.read_text("utf-8"))
    for opening, inline, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if inline.type != "inline":
            continue
        parts = inline.children or []
        if opening.tag in ("h2", "h3"):
            words = "".join(part.content for part in parts).lower()
            # As GitHub names it, so that a link to it leads there from both.
            opening.attrSet("id", re.sub(r"[^\w -]", "", words).replace(" ", "-"))
        if opening.tag == "th" and not parts:
            # An empty cell heads nothing.
            opening.tag = closing.tag = "td"
        _relink(parts, document.parent)
    title = markdown.renderer.render(tokens[1:2], markdown.options, {})
    content = markdown.renderer.render(tokens[3:], markdown.options, {})
    return title, render_page(DOCUMENT, [], title=title, content=content)


def _relink(parts: Iterable[Token], folder: Path) -> None:
    """Lead links among the parts of a line to pages; hide those to files that are not in `folder`."""
    hidden = False
    for part in parts:
        if part.type == "link_open":
            path, hash_, place = str(part.attrs["href"]).partition("#")
            if path and "://" not in path:
                hidden = not folder.joinpath(path).is_file()
                part.attrSet("href", re.sub(r"\.md$", ".html", path) + hash_ + place)
            part.hidden = hidden
        elif part.type == "link_close":
            part.hidden, hidden = hidden, False
