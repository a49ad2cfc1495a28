import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from orderparam.claims.all_tests import TESTS
from orderparam.claims.evidence import EXPERIMENT_TABLES
from orderparam.claims.ledger import Claim, load_ledger
from orderparam.errors import ConfigError

PROJECT = Path(__file__).resolve().parents[2]
EXPERIMENTS = [path.stem for path in (PROJECT / "config/experiments").glob("*.yaml")]

CLAIMS = """
experiments: [preview]
claims:
  rises:
    text: b
      rises.
    source: somebody
    test: order_parameter_rises
    arguments: {sizes: [10K], every: 1000}
    experiments: [preview, "dense*"]
  orders:
    text: It orders.
    source: somebody
    test: critical_temperature_is_found
    arguments: {system: 2d, tolerance: 0.01}
    tables: [results/ising/critical.csv]
"""


def load(folder, text):
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config/claims.yaml").write_text(text)
    return load_ledger(folder)


def test_claims_apply_where_they_say(tmp_path):
    ledger = load(tmp_path, CLAIMS)
    assert [claim.text for claim in ledger.claims] == ["b rises.", "It orders."]
    for experiment, expected in (("preview", ["rises"]), ("dense_gpu", ["rises"]), ("paper", [])):
        assert [claim.id for claim in ledger.of_experiment(experiment)] == expected
    assert ledger.tables_of("preview") == ["metrics.csv"]
    assert ledger.tables_of_known_systems() == ["results/ising/critical.csv"]
    assert [Claim.from_dict(asdict(claim)) for claim in ledger.claims] == list(ledger.claims)


def test_all_faults_are_told_at_once(tmp_path):
    text = (
        CLAIMS.replace("test: order_parameter_rises", "test: order_parameter_rise").replace(
            "system: 2d, tolerance: 0.01", "system: 2d, toleranse: 0.01"
        )
        + "  third: {text: Third., source: me, test: order_parameter_rises, tables: [results/a.csv]}\n"
        + "  fourth: {text: '', source: me, test: order_parameter_rises, experiments: [paper], colour: red}\n"
        + "  fifth: {text: Fifth., source: me, test: no_critical_temperature, experiments: [paper]}\n"
    )
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, text)
    message = str(raised.value)
    for part in (
        "config/claims.yaml has 8 errors",
        'claims.rises.test: found "order_parameter_rise"; no such test; did you mean order_parameter_rises',
        "claims.orders.arguments.toleranse: found an unknown key, with the value 0.01; did you mean tol",
        "claims.orders.arguments.tolerance: found no such key; it is required: a finite number",
        'claims.third.tables: found ["results/a.csv"]; order_parameter_rises reads an experiment\'s tables',
        'claims.fourth.text: found ""; must be text, not empty',
        "claims.fourth.colour: found an unknown key",
        "claims.fifth.tables: found []; no_critical_temperature reads critical.csv",
        "claims.fifth.arguments.system: found no such key; it is required: text",
    ):
        assert part in message, message


@pytest.mark.parametrize(
    ("test", "arguments", "message"),
    [
        (
            "passage_compares",
            "{sizes: [a], other: b, quantity: halve}",
            r'arguments.quantity: found "halve"; must be begin, half or share; did you mean half\?',
        ),
        (
            "passage_compares",
            "{sizes: a, other: b, quantity: half}",
            'arguments.sizes: found "a"; must be a list',
        ),
        ("passage_compares", "{sizes: [a], other: b}", "arguments.quantity: found no such key"),
        (
            "grows_before",
            "{first: order_parameters, second: step, growth: 2}",
            "arguments.first: found .* a column of metrics",
        ),
        ("order_parameter_rises", "{every: 2.5}", "arguments.every: found 2.5; must be an integer"),
        ("order_parameter_rises", "{}, vary: {every: [500, 2.5]}", r"vary.every\[1\]: found 2.5; must be an"),
        ("order_parameter_rises", "{}, vary: {evry: [500]}", r"vary.evry\[0\]: found .* did you mean every"),
        ("slope_dips_at_entropy", "{near: .nan}", "arguments.near: found .nan; must be a finite number"),
    ],
)
def test_arguments_that_a_test_cannot_take_are_errors_of_the_ledger(tmp_path, test, arguments, message):
    text = f"claims: {{a: {{text: A, source: me, test: {test}, experiments: [x], arguments: {arguments}}}}}"
    with pytest.raises(ConfigError, match=rf"claims\.yaml:1: claims\.a\.{message}"):
        load(tmp_path, text)


@pytest.mark.parametrize("text", ["", "claims: {}\n", "claims: [a]\n", "experiments: [preview]\n", "a: [\n"])
def test_file_without_claims_is_an_error(tmp_path, text):
    with pytest.raises(ConfigError, match=r"config/claims\.yaml"):
        load(tmp_path, text)


def test_project_may_do_without_a_ledger(tmp_path):
    ledger = load_ledger(tmp_path)
    assert ledger.claims == () and ledger.tables_of("preview") == []


def test_ledger_of_the_project_is_valid_and_uses_every_test(tmp_path):
    shutil.copytree(PROJECT / "config", tmp_path / "config")
    ledger = load_ledger(tmp_path)
    assert {claim.test for claim in ledger.claims} == set(TESTS)
    for claim in ledger.claims:
        assert TESTS[claim.test].misfits(claim.arguments) == []
        assert claim.tables or any(claim.applies_to(name) for name in EXPERIMENTS), claim.id
        names = {Path(path).name for path in claim.tables} | set(EXPERIMENT_TABLES)
        assert set(TESTS[claim.test].tables) <= names


def test_reading_the_ledger_loads_no_statistics():
    # The Snakefile is read again by the process of each job.
    code = "import sys, orderparam.claims.ledger; sys.exit('scipy.stats' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT / "workflow", check=True)
