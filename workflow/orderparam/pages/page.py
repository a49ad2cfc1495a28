"""What the HTML pages share: templates, and figures embedded with their captions."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2

TEMPLATE_FOLDER = Path(__file__).parent / "templates"
# What templates include; named in code so that its digest, which does not read templates, covers them.
INCLUDED = ("style.css", "figure.html.j2")
NARROW_POINTS = 300


@dataclass(frozen=True)
class FigureEntry:
    """A figure of a page: its name, its SVG file and its caption's reStructuredText file."""

    name: str
    svg: Path
    caption: Path


def render_page(template: str, **values: Any) -> str:
    """A page from a template of `templates/`; what is quoted is escaped, an unknown name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def embed_figure(entry: FigureEntry, experiment: str) -> dict[str, Any]:
    """The figure as data for the page, its caption rendered for `experiment`."""
    svg = entry.svg.read_text(encoding="utf-8")
    width = re.search(r'<svg [^>]*?\bwidth="([\d.]+)pt"', svg)
    # Captions are written for Snakemake's report, which renders them with the job's wildcards.
    wildcards = SimpleNamespace(experiment=experiment)
    caption = jinja2.Template(entry.caption.read_text(encoding="utf-8")).render(
        snakemake=SimpleNamespace(wildcards=wildcards)
    )
    return {
        "name": entry.name,
        "data": base64.b64encode(svg.encode()).decode("ascii"),
        "narrow": width is not None and float(width[1]) < NARROW_POINTS,
        "caption": " ".join(caption.split()),
    }
