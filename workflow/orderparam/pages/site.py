"""A folder of all pages with an index, to be put on any static host; docs/ are pages of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from markdown_it import MarkdownIt

from orderparam.files import atomic_write
from orderparam.pages.page import render_page

TEMPLATE, DOCUMENT = "site.html.j2", "document.html.j2"
_TO_INDEX = '<p class="origin"><a href="index.html">All pages</a></p>'
_LINK = re.compile(r'<a href="(?:\.\./)?([\w-]+)(?:/write_up)?\.html">(.*?)</a>')
_DOCUMENT_LINK = re.compile(r'href="(?:\.\./)+docs/([\w-]+)\.md"')
_ANY_LINK = re.compile(r'<a href="([^"]*)">(.*?)</a>', re.DOTALL)
_HEADING = re.compile(r"<h2>(.*?)</h2>")


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
        text = _DOCUMENT_LINK.sub(r'href="docs/\1.html"', text)
        text = text.replace("<main>", f"<main>\n{_TO_INDEX}", 1)
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


def render_document(document: Path) -> tuple[str, str]:
    """The title of a Markdown file of docs/, its first line, and a page of its text, both as HTML.

    Links to other documents lead to their pages; of one to a file that is not beside the document, the text
    alone remains.
    """

    def relink(link: re.Match[str]) -> str:
        address, text = link.groups()
        path, hash_, place = address.partition("#")
        if path and "://" not in path:
            if not document.parent.joinpath(path).is_file():
                return text
            path = re.sub(r"\.md$", ".html", path)
        return f'<a href="{path}{hash_}{place}">{text}</a>'

    def identify(heading: re.Match[str]) -> str:
        words = re.sub(r"<[^>]*>|&\w+;", "", heading[1])
        return f'<h2 id="{re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")}">{heading[1]}</h2>'

    # Raw HTML stays what is written: text.
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(document.read_text("utf-8"))
    html = _HEADING.sub(identify, _ANY_LINK.sub(relink, html))
    # An empty cell heads nothing.
    html = html.replace("<th></th>", "<td></td>")
    html = html.replace("<table>", '<div class="scroll"><table>').replace("</table>", "</table></div>")
    title, _, content = html.removeprefix("<h1>").partition("</h1>")
    return title, render_page(DOCUMENT, [], title=title, content=content)
