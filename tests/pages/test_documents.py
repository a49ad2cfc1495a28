"""The documents under docs/: every link of one to a place in another leads there, and tables are tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orderparam.pages.site import render_document

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("document", [ROOT / "README.md", *DOCUMENTS], ids=lambda path: path.name)
def test_links_lead_to_headings_that_are_there(document):
    text = document.read_text("utf-8")
    lost = []
    for target, place in re.findall(r"\]\(((?!https?:)[^)#\s]*)(?:#([^)\s]*))?\)", text):
        path = document.parent / target if target else document
        if not path.exists():
            lost.append(target)
        elif place and f'id="{place}"' not in render_document(path)[1]:
            lost.append(f"{target}#{place}")
    assert not lost


@pytest.mark.parametrize("document", [ROOT / "README.md", *DOCUMENTS], ids=lambda path: path.name)
def test_no_table_was_wrapped_into_a_paragraph(document):
    lines = document.read_text("utf-8").splitlines()
    assert not [line for line in lines if "|---|" in line and not line.lstrip().startswith("|---|")]
