import re
from html import unescape
from io import StringIO

import pandas as pd
import pytest

from orderparam.claims.verdict import INCONCLUSIVE, NOT_TESTED, REFUTED, SUPPORTED
from orderparam.pages.claims import render_claims
from orderparam.tables import ALL_CLAIMS

VERDICTS = pd.read_csv(
    StringIO("""\
verdict,replay,rises,b rises,supported,step of b,0.25,0.125,0.5,0.01,a.csv,10K,0.02
further evidence,known_systems,rises,b rises,refuted,,7,,,,d.csv,,
verdict,replay,sharp,a kink,refuted,BIC,-8.4,-10.4,-7.2,0.04,b.csv,,0.06
verdict,replay,half,one <run>,inconclusive,BIC,3,,,,b.csv,one seed,
verdict,known_systems,exact,is exact,supported,count,4,4,4,,c.csv,,
verdict,known_systems,absent,never ran,not tested at this scale,,,,,,,no such size,
"""),
    names=list(ALL_CLAIMS.columns),
)
OF_CLAIMS = VERDICTS[VERDICTS["role"] == "verdict"]


@pytest.fixture
def sections():
    return [
        {"name": "unjudged", "description": "Not there."},
        {"name": "replay", "description": "The recorded runs."},
        {"name": "known_systems", "description": "Known."},
    ]


def rows_of(page):
    rows = (
        re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL) for row in re.findall(r"<tr>(.*?)</tr>", page, re.S)
    )
    return [[unescape(re.sub("<.*?>", " ", cell)) for cell in row] for row in rows if row]


def test_each_claim_stands_once_beside_its_numbers(sections):
    claims = {"rises": {"source": "article, claim A", "bounds": "Set before."}}
    page = render_claims(VERDICTS, claims, sections)
    rows = rows_of(page)
    # What decides comes first.
    assert [row[1].strip() for row in rows] == [SUPPORTED, REFUTED, SUPPORTED, INCONCLUSIVE, NOT_TESTED]
    assert sorted(row[1].strip() for row in rows) == sorted(OF_CLAIMS["verdict"])
    assert "article, claim A · Set before." in rows[0][0]
    assert rows[0][2].split()[:3] == ["0.25", "[0.125,", "0.5]"]
    assert "replay · p = 0.02 (Holm) · 10K · a.csv" in rows[0][2]
    assert "known_systems refuted" in rows[0][2]
    # Corrected for all verdicts, the second may be chance.
    assert "does not stand" in rows[1][2] and "does not stand" not in rows[0][2]
    assert "Of 2 verdicts" in page and "1 do not stand" in page
    # No interval where there is none, nor around what is exact; no number where nothing was tested.
    assert rows[3][2].split()[:2] == ["3", "BIC"]
    assert rows[2][2].split()[:2] == ["4", "count"]
    assert rows[4][2].split()[:4] == ["known_systems", "·", "no", "such"]
    assert "nan" not in page


def test_claims_stand_below_their_questions_in_the_ledgers_order(sections):
    claims = {
        "exact": {"question": "Known?"},
        "sharp": {"question": "Sharp?"},
        "half": {"question": "Sharp?"},
    }
    page = render_claims(VERDICTS, claims, sections)
    asked = re.findall(r'<h2 id="question-\d">(.*?)</h2>', page)
    assert asked == ["Known?", "Sharp?", "Other claims"]
    sharp = page[page.index("Sharp?</h2>") : page.index("Other claims</h2>")]
    assert sharp.index("a kink") < sharp.index("1 that decide nothing") < sharp.index("one &lt;run&gt;")
    assert "b rises" not in sharp


def test_counts_are_those_of_the_verdicts(sections):
    counts = re.findall(r'class="verdict \w+">(\d+) ', render_claims(VERDICTS, {}, sections))
    assert [int(count) for count in counts] == [2, 1, 1, 0, 1]


def test_sections_without_verdicts_are_left_out(sections):
    page = render_claims(VERDICTS, {}, sections)
    assert re.findall(r'<li><a href="([^"]+)"', page) == ["replay/write_up.html", "known_systems.html"]
    assert "Not there." not in page
    with pytest.raises(KeyError):
        render_claims(VERDICTS, {}, sections[:2])


def test_claims_page_stands_alone_and_escapes_what_it_quotes(sections):
    stand_in = {"corpus": "text", "stand_in": True, "notice": "STAND-IN <text>"}
    page = render_claims(VERDICTS, {}, sections, [stand_in])
    assert "one &lt;run&gt;" in page
    assert "STAND-IN &lt;text&gt;" in page
    assert not re.search(r'(?<!xlink:)\b(src|href)="(?!data:|#|\.\./docs/|[\w/]+\.html")', page)


def test_the_page_begins_with_the_answer(sections):
    page = render_claims(VERDICTS, {}, sections, answer="Text\n\n1. It *is* one.\n2. More.\n\nEnd")
    assert page.index("<li>It is one.</li>") < page.index('class="verdict')
