"""The page of the known systems, and the index of all pages."""

import re

import pandas as pd
from known_tables import make_tables

from orderparam.claims.verdict import REFUTED, SUPPORTED
from orderparam.pages.known_systems import SYSTEMS, render_known_systems
from orderparam.pages.site import make_site

FIGURES = ("calibration/figures/finite_size", "hopfield/figures/hopfield")


def make_figure(folder, name):
    svg = folder / f"results/{name}.svg"
    svg.parent.mkdir(parents=True)
    svg.write_text('<svg height="100pt" width="400pt"></svg>')
    return svg


def test_known_systems_stand_with_their_tables_and_figures(tmp_path):
    figures = [make_figure(tmp_path, name) for name in FIGURES]
    page, findings = render_known_systems(make_tables(), figures)
    expected = "Known values are met within 0.02% in 2 lattices, 1.0% in deep linear nets, 1% in Hopfield"
    assert findings.startswith(expected)
    assert "at most 2% of smooth curves are called sharp" in findings
    assert findings.endswith("at most 1% of transitions of small systems are found.")
    assert len(findings) <= 200
    assert "within 5.00%" in render_known_systems(make_tables(0.05), [])[1]
    assert f"<p>{findings}</p>" in page
    on = [f"on-{name.replace('_', '-')}" for name in SYSTEMS]
    assert re.findall(r'<h2 id="([\w-]+)"', page) == ["answer", *on, "data"]
    assert "<td>2.269</td><td>0.0002</td>" in page
    # Where nothing crosses there is nothing to show.
    assert "nan" not in page and "<td>1d</td>" not in page
    section = page[page.index('<h2 id="on-hopfield"') : page.index('<h2 id="on-calibration"')]
    assert "Figure 1." in section and "<svg" in section
    # Numbered as they stand on the page.
    assert page.index("Figure 1.") < page.index("Figure 2.")


def test_the_index_leads_to_every_page_with_its_findings(tmp_path):
    pages = []
    for name in ("seeds_recorded/write_up", "known_systems", "claims"):
        page = tmp_path / f"{name}.html"
        page.parent.mkdir(exist_ok=True)
        page.write_text(f"<p>{name}")
        pages.append(page)
    pages[0].with_suffix(".txt").write_text("b rises & the loss falls.\n")
    index = tmp_path / "site/index.html"
    index.parent.mkdir()
    pages[1].write_text('<a href="seeds_recorded/write_up.html">seeds</a> <a href="paper.html">paper</a>')
    pages[2].write_text('<a href="../docs/answer.md">answer</a> <a href="known_systems.html">known</a>')
    described = {"seeds_recorded": "Sixteen seeds & two sizes.", "claims": "Which claims stand?"}
    judged = [
        ("verdict", "seeds_recorded", "b > 0.", SUPPORTED),
        ("verdict", "seeds_recorded", "b falls.", REFUTED),
        ("further evidence", "seeds_recorded", "b is even.", REFUTED),
        ("verdict", "replay", "b is odd.", REFUTED),
    ]
    verdicts = pd.DataFrame(judged, columns=["role", "judged_on", "claim", "verdict"])
    make_site(pages, described, verdicts, "It is no <transition>.", index)
    text = index.read_text()
    links = dict(re.findall(r'<h3><a href="([^"]+)">(.*?)</a>', text))
    assert list(links) == ["seeds_recorded.html", "known_systems.html", "claims.html"]
    assert list(links.values()) == ["seeds", "known systems", "claims"]
    # No link leads to a page that is not there.
    found = [(index.parent / link).read_text() for link in links]
    assert found == [
        "<p>seeds_recorded/write_up",
        '<a href="seeds_recorded.html">seeds</a> paper',
        '<a href="docs/answer.html">answer</a> <a href="known_systems.html">known</a>',
    ]
    assert re.search(r'<h3><a href="claims.html">claims</a></h3>\s*<p>Which claims stand\?', text)
    assert "<p>b rises &amp; the loss falls.</p>" in text
    assert '<p class="source">Sixteen seeds &amp; two sizes.</p>' in text
    assert "It is no &lt;transition&gt;." in text
    assert re.findall(r"<summary>(.*?)</summary>", text) == ["Claims judged here: 1 supported, 1 refuted"]
    claims = re.findall(r'<li><span class="verdict (.*?)">(.*?)</span> (.*?)</li>', text)
    assert claims == [
        ("supported", "supported", "b &gt; 0."),
        ("refuted", "refuted", "b falls."),
    ]
