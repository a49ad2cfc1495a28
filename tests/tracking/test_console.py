"""What a run of the workflow prints: short lines, changed keys, and where the result lies."""

import logging

import pytest

from orderparam.tracking.console import ShortLines, describe_results, keep_lines_short
from orderparam.tracking.job_log import shorten

FILES = [f"results/preview/runs/{number:03}.csv" for number in range(30)]


def test_short_lines_are_left_as_they_are():
    for line in ("", "x" * 200, f"input: {', '.join(FILES[:3])}"):
        assert shorten(line) == line


def test_a_long_list_tells_how_many_are_left_out():
    short = shorten(f"    input: {', '.join(FILES)}")
    assert short == f"    input: {', '.join(FILES[:5])}, and 25 more"
    assert len(short) <= 200 < len(shorten(short.replace(", and", ", and 000.csv, and")) + FILES[0])


def test_a_long_line_that_is_no_list_is_cut():
    assert shorten("x" * 300) == "x" * 196 + " ..."


@pytest.mark.parametrize(
    ("before", "now", "shown"),
    [
        (
            {"steps": 20000, "betas": [0.9, 0.99]},
            {"steps": 30000, "betas": [0.9, 0.99]},
            "steps: 20000 -> 30000",
        ),
        ({"corpus": "a"}, {"corpus": "a", "attention": "ablated"}, "attention: none -> 'ablated'"),
        ("'0123abcd'", "'4567abcd'", "its code"),
    ],
)
def test_of_changed_params_the_keys_that_differ_are_told(before, now, shown):
    logger = logging.Logger("workflow")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    for _ in range(2):
        keep_lines_short(logger)
    assert isinstance(handler.formatter, ShortLines)
    changed = "Reason: Params have changed since last execution: Union of exclusive params before and now "
    text = f"{changed}across all output: before: {before} now: {now} "
    record = logging.LogRecord("workflow", logging.INFO, "", 0, text, None, None)
    assert handler.format(record) == f"Reason: Params have changed since last execution: {shown}"


def test_the_end_names_the_pages_with_their_findings_else_the_figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    figure, page = tmp_path / "fig4.svg", tmp_path / "write_up.html"
    assert describe_results([figure, page]) == []
    figure.write_text("<svg/>")
    assert describe_results([figure, page])[0] == f"Open {figure}"
    page.write_text("<p>")
    (tmp_path / "write_up.txt").write_text("b rises in all four sizes.\n")
    opened, findings, following = describe_results([figure, page])
    assert (opened, findings) == (f"Open {page}", "  b rises in all four sizes.")
    assert following.startswith("Next: snakemake --cores 2 ")
    (tmp_path / "write_up.txt").write_text("many words " * 30)
    lines = "\n".join(describe_results([page])).split("\n")
    assert len(lines) == 4 and max(map(len, lines)) <= 200
