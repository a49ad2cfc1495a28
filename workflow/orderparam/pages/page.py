"""What the HTML pages share: templates, and figures and tables embedded with their origin."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2

from orderparam.errors import RecordError
from orderparam.files import read_json, sha256_of_file
from orderparam.text.vocabulary import describe_corpora

TEMPLATE_FOLDER = Path(__file__).parent / "templates"
CAPTION_FOLDER = Path(__file__).parents[2] / "report"
# Files that templates include. The code digest finds files by names in modules, not in templates.
INCLUDED = ("style.css", "frame.html.j2", "figure.html.j2")
NARROW_POINTS = 300
LARGEST_TABLE = 700_000
# The title of the whole, not of a point.
_FINDING = re.compile(r"<svg[^>]*>\s*<title>(.*?)</title>", re.DOTALL)
_COLOUR = re.compile(r'\b(fill|stroke)(: ?|=")#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})\b', re.IGNORECASE)
DARKEST_PALE, LIGHTEST_GREY = 0xB0, 0x8C


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


def embed_figure(path: Path, experiment: str, tables: Iterable[str] = ()) -> dict[str, Any]:
    """The figure of an SVG file as data for the page, with its caption rendered for `experiment`.

    `tables` are the paths of what it is drawn from. The command and commit are those of its job's record,
    where there is one.
    """
    svg = path.read_text(encoding="utf-8")
    caption_file = CAPTION_FOLDER / f"{path.stem}.rst"
    width = re.search(r'<svg [^>]*?\bwidth="([\d.]+)pt"', svg)
    # Captions are written for Snakemake's report, which renders them with the job's wildcards.
    wildcards = SimpleNamespace(experiment=experiment)
    caption = (
        jinja2.Template(caption_file.read_text(encoding="utf-8"))
        .render(snakemake=SimpleNamespace(wildcards=wildcards))
        .replace(r"\|", "|")
    )
    record = _record_of(path)
    finding = html.unescape(found[1]) if (found := _FINDING.search(svg)) else ""
    caption = " ".join(caption.split())
    tags = record.get("tags", {})
    command = f"snakemake --cores 1 --force results/{experiment}/figures/{path.name}"
    return {
        "name": path.stem,
        "finding": finding,
        # What is seen, then how it is drawn.
        "svg": _inline(svg, path.stem, f"{finding}. {caption}" if finding else caption),
        "data": base64.b64encode(svg.encode()).decode("ascii"),
        "narrow": width is not None and float(width[1]) < NARROW_POINTS,
        "caption": caption,
        "command": tags.get("regenerate", command),
        "commit": tags.get("git.commit", "") + (" and changes" if tags.get("git.dirty") == "true" else ""),
        "sha256": sha256_of_file(path),
        "tables": sorted(tables),
        "run": record.get("name", path.stem),
        "store": f"{experiment} · figures and jobs",
    }


def embed_table(path: str) -> dict[str, str]:
    """A table for download from the page: its path, digest and, unless it is too large, its bytes."""
    content = Path(path).read_bytes()
    return {
        "path": path,
        "name": path.removeprefix("results/").replace("/", "_"),
        "sha256": sha256_of_file(path),
        "data": base64.b64encode(content).decode("ascii") if len(content) <= LARGEST_TABLE else "",
    }


def _record_of(figure: Path) -> dict[str, Any]:
    """What the job that drew a figure recorded of itself; empty where it recorded nothing."""
    try:
        return dict(read_json(figure.parents[1] / f"jobs/draw_{figure.stem}.json"))
    except (RecordError, IndexError):
        return {}


def _themed(used: re.Match[str]) -> str:
    """A colour as the reader's light or dark page has it: white, black, greys and pale areas follow it."""
    of, sign, *parts = used.groups()
    shades = [int(part, 16) for part in parts]
    colour = f"#{''.join(parts)}"
    if len(set(shades)) == 1 and shades[0] in (0, 255):
        colour = "var(--ink)" if shades[0] == 0 else "var(--paper)"
    elif len(set(shades)) == 1 and shades[0] <= LIGHTEST_GREY:
        colour = "var(--grey)"
    elif min(shades) >= DARKEST_PALE:
        grid = of == "stroke" and len(set(shades)) == 1
        colour = "var(--line)" if grid else f"color-mix(in srgb, {colour} var(--tint), var(--paper))"
    return f"{of}{sign}{colour}"


def _inline(svg: str, name: str, caption: str) -> str:
    """An SVG as part of the page: ids of its own, the page's colours, and a text for who does not see it."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # What several panels have in common, such as a marker, bears one id in each: the first keeps it.
    parts = re.split(r'( id="[^"]+")', svg)
    first = {part: at for at, part in reversed(list(enumerate(parts)))}
    svg = "".join(part for at, part in enumerate(parts) if at % 2 == 0 or first[part] == at)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(xlink:href="#|url\(#)', rf"\1{name}-", svg)
    svg = _COLOUR.sub(_themed, svg)
    return svg.replace("<svg", f'<svg role="img" aria-label="{html.escape(caption)}"', 1)


def quote_short_answer(readme: str) -> str:
    """The paragraph `**The answer.**` of README.md as plain text, without links; empty where it has none."""
    found = re.search(r"^\*\*The answer\.\*\* (.+?)(?=\n\n|\Z)", readme, re.MULTILINE | re.DOTALL)
    text = re.sub(r"[:,]?\s*\[[^]]*\]\([^)]*\)", "", found[1]) if found else ""
    return " ".join(text.replace("*", "").split())


def quote_answer(document: str) -> list[str]:
    """The points of the first numbered list of a Markdown document, as plain text; none where it has none."""
    listed = re.search(r"^1\. .+?(?=\n\n|\Z)", document, re.MULTILINE | re.DOTALL)
    points = re.split(r"^\d+\. ", listed[0], flags=re.MULTILINE)[1:] if listed else []
    return [" ".join(point.replace("*", "").split()) for point in points]
