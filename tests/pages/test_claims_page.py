import re
from html import unescape

import pandas as pd
import pytest

from orderparam.claims.verdict import INCONCLUSIVE, NOT_TESTED, REFUTED, SUPPORTED
from orderparam.pages.claims import render_claims
from orderparam.tables import ALL_CLAIMS

NAN = float("nan")
VERDICTS = pd.DataFrame(
    [
        ("replay", "rises", "b rises", SUPPORTED, "least step of b", 0.25, 0.125, 0.5, "a.csv", "10K"),
        ("replay", "sharp", "a kink", REFUTED, "BIC", -8.4, -10.4, -7.2, "b.csv", NAN),
        ("replay", "half", "one <run>", INCONCLUSIVE, "BIC", 3.0, NAN, NAN, "b.csv", "one seed"),
        ("known_systems", "exact", "is exact", SUPPORTED, "count", 4.0, 4.0, 4.0, "c.csv", NAN),
        ("known_systems", "absent", "never ran", NOT_TESTED, NAN, NAN, NAN, NAN, NAN, "no such size"),
    ],
    columns=list(ALL_CLAIMS.columns),
)


@pytest.fixture
def sections(tmp_path):
    svg = tmp_path / "decay_sweep.svg"
    svg.write_text('<svg height="100pt" width="400pt"></svg>')
    return [
        {"name": "unjudged", "description": "Not there.", "figures": []},
        {"name": "replay", "description": "The recorded runs.", "figures": [str(svg)]},
        {"name": "known_systems", "description": "Known.", "figures": []},
    ]


def rows_of(page):
    rows = (
        re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL) for row in re.findall(r"<tr>(.*?)</tr>", page, re.S)
    )
    return [[unescape(re.sub("<.*?>", " ", cell)) for cell in row] for row in rows if row]


def test_each_verdict_stands_beside_its_numbers(sections):
    page = render_claims(VERDICTS, {"rises": "article, claim A"}, sections)
    rows = rows_of(page)
    assert [row[1].strip() for row in rows] == list(VERDICTS["verdict"])
    assert "article, claim A" in rows[0][0]
    assert rows[0][2].split()[:3] == ["0.25", "[0.125,", "0.5]"]
    assert "10K · a.csv" in rows[0][2]
    # No interval where there is none, nor around what is exact; no number where nothing was tested.
    assert rows[2][2].split()[:2] == ["3", "BIC"]
    assert rows[3][2].split()[:2] == ["4", "count"]
    assert rows[4][2].split() == ["no", "such", "size"]
    assert "nan" not in page


def test_counts_are_those_of_the_verdicts(sections):
    counts = re.findall(r'class="verdict \w+">(\d+) ', render_claims(VERDICTS, {}, sections))
    assert [int(count) for count in counts] == [2, 1, 1, 1]


def test_sections_without_verdicts_are_left_out(sections):
    page = render_claims(VERDICTS, {}, sections)
    assert re.findall(r'<h2 id="(\w+)"', page) == ["replay", "known_systems"]
    assert "Not there." not in page
    with pytest.raises(KeyError):
        render_claims(VERDICTS, {}, sections[:2])


def test_claims_page_stands_alone_and_escapes_what_it_quotes(sections):
    stand_in = {"corpus": "text", "stand_in": True, "notice": "STAND-IN <text>"}
    page = render_claims(VERDICTS, {}, sections, [stand_in])
    assert "one &lt;run&gt;" in page
    assert "STAND-IN &lt;text&gt;" in page
    assert not re.search(r'(?<!xlink:)\b(src|href)="(?!data:|#)', page)
    assert "Figure 1." in page
