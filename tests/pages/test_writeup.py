import base64
import hashlib
import json
import re
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import pandas as pd
import pytest
import rocrate
from rocrate_validator import models, services
from rocrate_validator.utils.http import HttpRequester

from orderparam.files import write_json
from orderparam.pages.crate import make_crate
from orderparam.pages.page import quote_answer, quote_short_answer
from orderparam.pages.provenance import draw_rules, jobs_behind
from orderparam.pages.write_up import EXCERPT_CHARACTERS, Corpus, describe_protocol, render_write_up
from orderparam.settings.experiment import Experiment, Sampling, Seeds
from orderparam.tables import COMPARISON

ENTROPIES = pd.DataFrame(
    {"order": [1, 2], "train_entropy": [3.3091, 2.4519], "val_cross_entropy": [3.3473, 2.4838]}
)
METRICS = pd.DataFrame(
    {
        "size": "tiny",
        "seed": [1, 1, 1, 2, 2, 2],
        "step": [0, 10, 20] * 2,
        "order_parameter": [0.1, 0.2, 0.3, 0.1, 0.2, 0.5],
        "train_loss": [4.0, 2.4519, 2.0, 4.0, 3.0, 2.0],
        "val_loss": [4.0, 2.5, 2.75, 4.0, 2.5, 2.75],
        "hidden_magnetization": 1.0,
    }
)


ANSWER = Path(__file__).parents[2] / "docs/phase_transition.md"
SVG = """<?xml version="1.0"?>
<svg xmlns:xlink="http://www.w3.org/1999/xlink" height="100pt" width="244.8pt">
<defs><path id="m1" style="fill: #ffffff"/></defs>
<use xlink:href="#m1" style="stroke: #000000; fill: #d6e8f4"/><text style="fill: #4c4c4c">loss</text>
<g id="twice"/><g id="twice"/>
<path style="fill: none; stroke: #e6e6e6"/><path style="fill: #0072b2"/></svg>"""


@pytest.fixture
def render(make_run, tmp_path, monkeypatch):
    svg = tmp_path / "fig4_loss_vs_order_parameter.svg"
    svg.write_text(SVG)
    monkeypatch.chdir(tmp_path)
    Path("metrics.csv").write_text("size,step\n")
    experiment = Experiment(
        name="made_up",
        description="For a <test>.",
        corpus="text_or_stand_in",
        compare_with_published=False,
        seeds=(Seeds(1, 1, 1, 1), Seeds(2, 2, 2, 2)),
        seeds_per_job=1,
        runs={"tiny": make_run(size="tiny", steps=20, corpus="text_or_stand_in")},
        verified_checkpoints={"tiny": "all"},
        probe_windows={"tiny": 4},
        sampling=Sampling(10, 1.0, 1, False),
    )
    assert Experiment.from_dict(experiment.to_dict()) == experiment

    def call(notice=None, sample="<tag> & text", comparison=None, metrics=METRICS, figures=None, **more):
        vocabulary = {
            "corpus": "text_or_stand_in",
            "tokens": 1234567,
            "characters": ["a", "b"],
            "notice": notice,
            "stand_in": notice is not None,
        }
        counts = {"tiny": 25_089}
        corpora = [Corpus(vocabulary, ENTROPIES)]
        figures = figures or {svg: ["metrics.csv"]}
        page, _ = render_write_up(
            experiment, counts, metrics, corpora, figures, {"x": sample}, comparison, **more
        )
        return page

    return call


def cells(page):
    return [unescape(re.sub("<.*?>", "", cell)) for cell in re.findall(r"<td>(.*?)</td>", page, re.DOTALL)]


def test_numbers_are_those_of_the_tables(render):
    shown = cells(render())
    for value in ("25,089", "0.10000", "0.40000", "2.0000", "2.7500", "2.5000, step 10", "2.4519", "2.4838"):
        assert value in shown, value
    # Interpolated crossings at step 10 (reached, then passed) and 10 + 10 * (3 - 2.4519).
    assert "step 13" in shown


def test_published_values_are_judged_only_where_three_runs_give_an_interval(render):
    two = ["tiny", 1000, "val_loss", 2.5, 0.025, 2, 2.4, None, None, None, None]
    three = ["tiny", 2000, "val_loss", 2.5, 0.025, 3, 2.6, 0.01, 2.53, 2.67, False]
    shown = cells(render(comparison=COMPARISON.frame([two, three]).astype({"inside": "boolean"})))
    place = shown.index("validation loss")
    assert shown[place - 1 : place + 3] == ["tiny", "validation loss", "+0.0%", "0 of 1"]
    assert "two runs: no interval" in shown
    assert {"2.53 to 2.67", "no"} <= set(shown)


def test_the_pushed_code_stands_beside_in_each_row_of_the_same_size_and_quantity(render):
    rows = [
        ["tiny", 1000, name, 2.0, 0.0, 3, 2.1, 0.01, 2.05, 2.15, False] for name in ("val_loss", "train_loss")
    ]
    tables = [COMPARISON.frame(part).astype({"inside": "boolean"}) for part in (rows, rows[:1])]
    tables[1]["mean"] = 1.5
    page = render(comparison=tables[0], pushed=tables[1])
    shown = cells(page)
    place = shown.index("validation loss")
    assert shown[place : place + 5] == ["validation loss", "+5.0%", "0 of 1", "\N{MINUS SIGN}25.0%", "0 of 1"]
    assert shown[place + 5 : place + 11] == ["tiny", "training loss", "+5.0%", "0 of 1", "", ""]
    assert "the pushed code's protocol</th>" in page
    assert "the pushed code's protocol</th>" not in render(comparison=tables[0])


def test_page_stands_alone_and_escapes_what_it_quotes(render):
    page = render()
    assert "For a &lt;test&gt;." in page
    assert "&lt;tag&gt; &amp; text" in page
    # It leads to the article's code, and takes nothing from elsewhere.
    to_the_code = '<a href="https://github.com/rohitium/LLM-order-param">'
    assert not re.search(r'(?<!xlink:)\b(src|href)="(?!data:|#|\.\./)', page.replace(to_the_code, "", 1))
    kept = [base64.b64decode(data).decode() for data in re.findall(r"base64,([^\"]+)", page)]
    assert kept == [SVG, "size,step\n"]
    assert 'class="column"' in page


def test_a_figure_is_part_of_the_page_with_ids_and_colours_of_its_own(render):
    page = render()
    inline = page[page.index("<svg") : page.index("</svg>")]
    assert (
        'role="img" aria-label="Training loss against the order parameter b in experiment made_up' in inline
    )
    assert 'id="fig4_loss_vs_order_parameter-m1"' in inline
    assert 'xlink:href="#fig4_loss_vs_order_parameter-m1"' in inline
    assert "stroke: var(--ink)" in inline and "fill: var(--paper)" in inline
    assert "fill: color-mix(in srgb, #d6e8f4 var(--tint), var(--paper))" in inline
    assert '<text style="fill: var(--grey)">' in inline
    assert inline.count('id="fig4_loss_vs_order_parameter-twice"') == 1
    assert "stroke: var(--line)" in inline and "fill: #0072b2" in inline


def test_a_figure_tells_its_origin_by_its_jobs_record(render, tmp_path, monkeypatch):
    assert "snakemake --cores 1 --force results/made_up/figures/fig4_loss_vs_order_parameter.svg" in render()
    record = {
        "name": "Figure 4 · loss vs order parameter",
        "tags": {"regenerate": "snakemake x --config a=1", "git.commit": "c0ffee", "git.dirty": "true"},
    }
    monkeypatch.setattr("orderparam.pages.page._record_of", lambda figure: record)
    page = render()
    assert "<code>snakemake x --config a=1</code>" in page
    assert "<code>c0ffee and changes</code>" in page
    assert (
        "<q>Figure 4 · loss vs order parameter</q> of the experiment <q>made_up · figures and jobs</q>"
        in page
    )
    assert f'sha256 <code class="sum">{hashlib.sha256(SVG.encode()).hexdigest()}</code>' in page


def test_a_figures_title_is_in_its_caption_and_of_other_figures_the_finding(render, tmp_path):
    svg = tmp_path / "fig4_loss_vs_order_parameter.svg"
    svg.write_text(SVG.replace('pt">', 'pt">\n <title>It falls &lt; 3</title>'))
    page = render()
    assert "<strong>Figure 1. It falls &lt; 3.</strong>" in page
    assert "In this experiment:</strong> b rises" in page
    sweep = svg.rename(tmp_path / "decay_sweep.svg")
    page = render(figures={sweep: ["metrics.csv"]})
    assert "In this experiment:</strong> It falls &lt; 3." in page


def test_the_findings_follow_the_tables(render):
    rises = "b rises and the loss falls, first to last step, in 1 of 1 sizes; 1 pass the bigram entropy"
    assert f"{rises} (tiny at step 13)." in render()
    falling = METRICS.assign(
        order_parameter=-METRICS["order_parameter"], train_loss=METRICS["train_loss"] + 1
    )
    assert "in 0 of 1 sizes; 0 pass the bigram entropy." in render(metrics=falling)
    two = ["tiny", 1000, "val_loss", 2.5, 0.025, 3, 2.5, 0.01, 2.4, 2.6, True]
    assert "; 1 of 1 published values agree." in render(
        comparison=COMPARISON.frame([two]).astype({"inside": "boolean"})
    )


def test_the_protocol_has_a_column_for_what_differs_between_sizes(make_run):
    runs = {"one": make_run(), "other": make_run(weight_decay=0.25, start_from="one")}
    sizes = [
        {"size": size, "corpus": "a text", "runs": 2, "parameters": 12345, "run": run}
        for size, run in runs.items()
    ]
    rows, common = describe_protocol(sizes)
    assert [list(row.values()) for row in rows] == [
        ["one", "initial weights", f"{runs['one'].weight_decay:g}"],
        ["other", "one", "0.25"],
    ]
    assert (common["parameters"], common["width"]) == ("12,345", f"{runs['one'].d_model}")
    alone, common = describe_protocol(sizes[:1])
    assert "steps" in alone[0] and common == {}


def test_the_answer_is_that_of_the_document(render):
    document = "# Title\n\nAsked.\n\n1. It is the *last* character\n   alone.\n2. And so on.\n\n1. Not this."
    assert quote_answer(document) == ["It is the last character alone.", "And so on."]
    assert quote_answer("nothing") == []
    assert len(quote_answer(ANSWER.read_text("utf-8"))) >= 2


def test_a_long_list_of_what_is_not_recorded_is_folded(render):
    assert '<p class="missing"><strong>Not recorded:</strong> a; b.</p>' in render(missing=["a", "b"])
    folded = render(missing=list("abcdefg"))
    assert "runs of 7 entries</summary>a; b; c" in folded and '<p class="missing">' not in folded


def test_a_write_up_begins_with_the_answer_of_the_readme(render):
    readme = "**The question.** *b*?\n\n**The answer.** No:\nsee [docs](docs/a.md), [more](b.csv).\n\nEnd"
    assert quote_short_answer(readme) == "No: see."
    assert "<p>No: see.</p>" in render(answer=readme)
    assert quote_short_answer("nothing") == ""
    assert 200 < len(quote_short_answer((ANSWER.parents[1] / "README.md").read_text("utf-8"))) < 700


def test_headings_can_be_linked_to_and_tables_name_their_columns(render):
    page = render()
    headings = re.findall(r"<h2( id=\"(\w+)\")?>", page)
    assert len(headings) > 5
    assert all(identity for _, identity in headings)
    assert [cell for cell in re.findall(r"<th\b[^>]*>", page) if 'scope="col"' not in cell] == []


def test_caption_is_the_reports_rendered(render):
    assert "{{" not in render()
    assert "made_up" in re.search(r"<figcaption>(.*?)</figcaption>", render(), re.DOTALL)[1]


def test_a_stand_in_is_named_at_the_head_and_only_then(render):
    notice = "STAND-IN for text: made of nothing"
    page = render(notice)
    assert page.index(notice) < page.index("The question")
    assert "text_or_stand_in" in page
    assert "stand_in" not in render() and "STAND-IN" not in render()


def test_samples_are_cut(render):
    (text,) = re.findall(r"<pre>(.*?)</pre>", render(sample="y" * 5000), re.DOTALL)
    assert text.count("y") == EXCERPT_CHARACTERS


TABLE = "size\n"
SHA256 = hashlib.sha256(TABLE.encode()).hexdigest()


def make_job(rule, inputs, outputs, start):
    file = {"name": "x", "sha256": SHA256, "bytes": 5}
    return {
        "id": f"{rule}{start}",
        "name": rule,
        "start_time": start,
        "end_time": start + 1000,
        "inputs": [{**file, "path": path} for path in inputs],
        "outputs": [{**file, "path": path} for path in outputs],
        "tags": {"rule": rule, "regenerate": f"snakemake {rule}", "version.snakemake": "9.27.1"},
    }


JOBS = [
    make_job("train", ["text"], ["results/made_up/a"], 1000),
    make_job("train", ["text"], ["results/made_up/b"], 1001),
    make_job("collect", ["results/made_up/a", "results/made_up/b"], ["results/made_up/metrics.csv"], 3000),
    make_job("draw", ["results/made_up/metrics.csv"], ["results/made_up/fig.svg"], 4000),
    make_job("other", [], ["results/made_up/c"], 5000),
]


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, job in enumerate(JOBS):
        write_json(tmp_path / f"results/made_up/jobs/{number}.json", job)


def test_the_jobs_behind_a_file_are_found_and_drawn_from_left_to_right(recorded, render):
    broken = {"outputs": [{"path": "results/made_up/fig.svg"}]}
    write_json("results/made_up/jobs/broken.json", broken)
    jobs = jobs_behind(["results/made_up/fig.svg"])
    assert jobs == JOBS[:4]
    drawing = draw_rules(jobs)
    assert [(box["name"], box["jobs"], box["x"] // 250) for box in drawing["boxes"]] == [
        ("train", 2, 0),
        ("collect", 1, 1),
        ("draw", 1, 2),
    ]
    assert [(line["x1"], line["x2"]) for line in drawing["lines"]] == [(200, 250), (450, 500)]
    page = render(jobs=jobs)
    assert "train \N{MULTIPLICATION SIGN} 2</text>" in page
    assert 'id="jobs"' not in render()


def test_a_crate_tells_what_the_jobs_were_given_and_made(recorded, tmp_path):
    (tmp_path / "Snakefile").write_text("rule all:\n")
    (tmp_path / "results/made_up/metrics.csv").write_text(TABLE)
    make_crate("made_up", "For a test.", JOBS[:4], [], tmp_path / "crate.zip")
    with ZipFile(tmp_path / "crate.zip") as crate:
        assert {"Snakefile", "results/made_up/metrics.csv"} <= set(crate.namelist())
        graph = {
            entity["@id"]: entity for entity in json.loads(crate.read("ro-crate-metadata.json"))["@graph"]
        }
    assert graph["results/made_up/metrics.csv"]["sha256"] == SHA256
    run = graph["#run-of-made_up"]
    assert run["instrument"] == {"@id": "Snakefile"}
    assert run["object"] == [{"@id": "#text"}]
    assert len(run["result"]) == 4
    drawn = graph["#job-draw4000"]
    assert drawn["object"] == [{"@id": "results/made_up/metrics.csv"}]
    assert (drawn["startTime"], drawn["description"]) == ("1970-01-01T00:00:04+00:00", "snakemake draw")
    profiles = {part["@id"] for part in graph["./"]["conformsTo"]}
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in profiles


@pytest.mark.parametrize("content", [TABLE, "other"])
def test_a_crate_has_no_files_of_elsewhere_and_none_that_changed(recorded, tmp_path, content):
    for path in ("Snakefile", "results/made_up/metrics.csv", "../secret"):
        (tmp_path / path).write_text(content)
    (tmp_path / "results/made_up/fig.svg").symlink_to(tmp_path.parent / "secret")
    secret = str(tmp_path.parent / "secret")
    job = make_job("draw", [secret, "../secret"], ["results/made_up/fig.svg"], 6000)
    job["tags"]["mlflow.source.name"] = secret
    make_crate("made_up", "For a test.", [*JOBS[:3], job], [], tmp_path / "crate.zip")
    with ZipFile(tmp_path / "crate.zip") as crate:
        names = set(crate.namelist()) - {"ro-crate-metadata.json", "ro-crate-preview.html"}
    assert names == {"Snakefile"} | ({"results/made_up/metrics.csv"} if content == TABLE else set())


def test_a_crate_is_a_valid_workflow_run_crate(recorded, tmp_path, monkeypatch):
    """As roc-validator sees it; the context of RO-Crate is the one that rocrate ships, without a network."""
    # That of 1.3; in 1.1 these terms had another address.
    text = (Path(rocrate.__file__).with_name("data") / "ro-crate.jsonld").read_text("utf-8")
    context = text.replace("https://bioschemas.org/terms/", "https://bioschemas.org/")
    told = {"headers": {"Content-Type": "application/ld+json"}, "status_code": 200, "ok": True}
    answer = SimpleNamespace(**told, json=lambda: json.loads(context), from_cache=True)
    for method in ("get", "head"):
        monkeypatch.setattr(HttpRequester, method, lambda *_, **__: answer, raising=False)
    for path in ("Snakefile", "results/made_up/metrics.csv"):
        (tmp_path / path).write_text("rule all:\n")
    make_crate("made_up", "For a test.", JOBS[:4], [], tmp_path / "crate.zip")

    def faults(crate):
        settings = services.ValidationSettings(
            rocrate_uri=str(crate),
            profile_identifier="workflow-run-crate",
            requirement_severity=models.Severity.REQUIRED,
        )
        return [issue.message for issue in services.validate(settings).get_issues()]

    assert faults(tmp_path / "crate.zip") == []
    # The validator sees a run without an instrument.
    with ZipFile(tmp_path / "crate.zip") as crate:
        crate.extractall(tmp_path / "broken")
    metadata = tmp_path / "broken/ro-crate-metadata.json"
    metadata.write_text(metadata.read_text().replace('"instrument"', '"tool"'))
    assert faults(tmp_path / "broken")
