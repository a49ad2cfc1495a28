import base64
import re
from html import unescape

import pandas as pd
import pytest

from orderparam.pages.write_up import EXCERPT_CHARACTERS, Corpus, render_write_up
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


@pytest.fixture
def render(make_run, tmp_path):
    svg = tmp_path / "fig4_loss_vs_order_parameter.svg"
    svg.write_text('<svg height="100pt" width="244.8pt"></svg>')
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

    def call(notice=None, sample="<tag> & text", comparison=None):
        vocabulary = {
            "corpus": "text_or_stand_in",
            "tokens": 1234567,
            "characters": ["a", "b"],
            "notice": notice,
            "stand_in": notice is not None,
        }
        counts = {"tiny": 25_089}
        corpora = [Corpus(vocabulary, ENTROPIES)]
        return render_write_up(experiment, counts, METRICS, corpora, [svg], {"x": sample}, comparison)

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
    assert shown[place - 1 : place + 4] == ["tiny", "validation loss", "2", "+0.0%", "0 of 1"]
    assert "two runs: no interval" in shown
    assert {"2.53 to 2.67", "no"} <= set(shown)


def test_page_stands_alone_and_escapes_what_it_quotes(render):
    page = render()
    assert "For a &lt;test&gt;." in page
    assert "&lt;tag&gt; &amp; text" in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    (data,) = re.findall(r"base64,([^\"]+)", page)
    assert base64.b64decode(data).startswith(b"<svg")
    assert 'class="column"' in page


def test_caption_is_the_reports_rendered(render):
    assert "snakemake" not in render()
    assert "made_up" in re.search(r"<figcaption>(.*?)</figcaption>", render(), re.DOTALL)[1]


def test_a_stand_in_is_named_at_the_head_and_only_then(render):
    notice = "STAND-IN for text: made of nothing"
    page = render(notice)
    assert page.index(notice) < page.index("Sizes and protocol")
    assert "text_or_stand_in" in page
    assert "stand_in" not in render() and "STAND-IN" not in render()


def test_samples_are_cut(render):
    (text,) = re.findall(r"<pre>(.*?)</pre>", render(sample="y" * 5000), re.DOTALL)
    assert text.count("y") == EXCERPT_CHARACTERS
