"""The page of the known systems, and the index of all pages."""

import re

from known_tables import make_tables

from orderparam.pages.known_systems import SYSTEMS, render_known_systems
from orderparam.pages.site import make_site


def make_figure(folder):
    svg = folder / "results/hopfield/figures/hopfield.svg"
    svg.parent.mkdir(parents=True)
    svg.write_text('<svg height="100pt" width="400pt"></svg>')
    return svg


def test_known_systems_stand_with_their_tables_and_figures(tmp_path):
    page, findings = render_known_systems(make_tables(), [make_figure(tmp_path)])
    expected = (
        "critical temperatures of 2 lattices within 0.02%, deep linear nets within 1.0% of what is known"
    )
    assert findings.startswith(expected)
    assert "at most 2% of smooth curves are taken for sharp" in findings
    assert findings.endswith("at most 1% of transitions of small systems are found.")
    assert len(findings) <= 200
    assert "within 5.00%" in render_known_systems(make_tables(0.05), [])[1]
    assert f"<p>C{findings[1:]}</p>" in page
    on = [f"on-{name.replace('_', '-')}" for name in SYSTEMS]
    assert re.findall(r'<h2 id="([\w-]+)"', page) == ["answer", *on, "data"]
    assert "<td>2.269</td><td>0.0002</td>" in page
    # Where nothing crosses there is nothing to show.
    assert "nan" not in page and "<td>1d</td>" not in page
    section = page[page.index('<h2 id="on-hopfield"') : page.index('<h2 id="on-calibration"')]
    assert "Figure 1." in section and "<svg" in section


def test_the_index_leads_to_every_page_with_its_findings(tmp_path):
    pages = []
    for name in ("paper/write_up", "known_systems"):
        page = tmp_path / f"{name}.html"
        page.parent.mkdir(exist_ok=True)
        page.write_text(f"<p>{name}")
        pages.append(page)
    pages[0].with_suffix(".txt").write_text("b rises & the loss falls.\n")
    index = tmp_path / "site/index.html"
    index.parent.mkdir()
    pages[1].write_text('<a href="claims.html">claims</a> <a href="paper/write_up.html">paper</a>')
    make_site(pages, {"paper": "The article's protocol."}, "It is no <transition>.", index)
    text = index.read_text()
    links = re.findall(r'<h3><a href="([^"]+)"', text)
    assert links == ["paper.html", "known_systems.html"]
    # No link leads to a page that is not there.
    found = [(index.parent / link).read_text() for link in links]
    assert found == ["<p>paper/write_up", 'claims <a href="paper.html">paper</a>']
    assert "The article&#39;s protocol. b rises &amp; the loss falls." in text
    assert "It is no &lt;transition&gt;." in text
