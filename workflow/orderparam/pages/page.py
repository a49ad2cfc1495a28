"""What the HTML pages share: templates, and figures embedded with their captions."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2

from orderparam.text.vocabulary import describe_corpora

TEMPLATE_FOLDER = Path(__file__).parent / "templates"
CAPTION_FOLDER = Path(__file__).parents[2] / "report"
# Files that templates include. The code digest finds files by names in modules, not in templates.
INCLUDED = ("style.css", "figure.html.j2")
NARROW_POINTS = 300


def render_page(template: str, vocabularies: Iterable[Mapping[str, Any]], **values: Any) -> str:
    """A page from a template of `templates/`; what is quoted is escaped, an unknown name is an error.

    `vocabularies` are the contents of vocabulary.json of all texts that the page rests on: it says where one
    is a stand-in.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    notice = describe_corpora(list(vocabularies))["notice"]
    return environment.get_template(template).render(notice=notice, **values)


def embed_figure(path: Path, experiment: str) -> dict[str, Any]:
    """The figure of an SVG file as data for the page, with its caption rendered for `experiment`."""
    svg = path.read_text(encoding="utf-8")
    caption_file = CAPTION_FOLDER / f"{path.stem}.rst"
    width = re.search(r'<svg [^>]*?\bwidth="([\d.]+)pt"', svg)
    # Captions are written for Snakemake's report, which renders them with the job's wildcards.
    wildcards = SimpleNamespace(experiment=experiment)
    caption = jinja2.Template(caption_file.read_text(encoding="utf-8")).render(
        snakemake=SimpleNamespace(wildcards=wildcards)
    )
    return {
        "name": path.stem,
        "data": base64.b64encode(svg.encode()).decode("ascii"),
        "narrow": width is not None and float(width[1]) < NARROW_POINTS,
        "caption": " ".join(caption.split()),
    }
