"""The verdicts in docs/claims.csv are those that the recorded runs give."""

import csv
import shutil

import pytest
import yaml
from project_copy import PROJECT

DOCUMENTED = list(csv.DictReader((PROJECT / "docs/claims.csv").open(encoding="utf-8", newline="")))


def slow(*names):
    return [pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize(
    "origin",
    [
        "decay",
        "published",
        *slow("paper", "paper_as_coded", "dense", "dense_10m", "controls", "seeds", "widths", "equilibrium"),
    ],
)
def test_recorded_runs_give_the_documented_verdicts(project, origin):
    name = {"paper": "replay", "published": "published"}.get(origin, f"{origin}_recorded")
    record = f"results/recorded/{'paper' if origin == 'published' else origin}"
    shutil.copytree(PROJECT / record, project.root / record)
    project.build("--cores", "2", f"results/{name}/claims.csv", timeout=600)
    expected = [row for row in DOCUMENTED if row["judged_on"] == name]
    assert expected
    found = {row["id"]: row for row in project.rows(f"results/{name}/claims.csv")}
    assert found.keys() == {row["id"] for row in expected}
    for row in expected:
        assert found[row["id"]]["verdict"] == row["verdict"], row["id"]
        for number in ("value", "lower", "upper"):
            assert float(found[row["id"]][number] or "nan") == pytest.approx(
                float(row[number] or "nan"), rel=1e-3, abs=1e-6, nan_ok=True
            ), (row["id"], number)


def test_the_documented_claims_are_those_of_the_ledger():
    claims = yaml.safe_load((PROJECT / "config/claims.yaml").read_text("utf-8"))
    assert {row["id"] for row in DOCUMENTED} <= claims["claims"].keys()
    assert {row["judged_on"] for row in DOCUMENTED} == {"known_systems", *claims["experiments"]}
    verdicts = [row["id"] for row in DOCUMENTED if row["role"] == "verdict"]
    assert len(verdicts) == len(set(verdicts)) == len({row["id"] for row in DOCUMENTED})
    for row in DOCUMENTED:
        assert row["claim"] == " ".join(claims["claims"][row["id"]]["text"].split())


def test_the_site_has_the_claims_the_known_systems_and_every_record(project):
    project.results.mkdir()
    project.results.joinpath("recorded").symlink_to(PROJECT / "results/recorded")
    planned = project.build("-n", "results/site/index.html").planned()
    assert planned["render_claims"] == planned["render_known_systems"] == 1
    # The published values are a record too, in config/published.
    assert planned["write_up"] == len(list((PROJECT / "results/recorded").iterdir())) + 1
