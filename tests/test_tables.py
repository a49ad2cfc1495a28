import pandas as pd
import pytest

from orderparam.errors import RecordError
from orderparam.files import write_json
from orderparam.tables import (
    METRICS,
    OBSERVABLES,
    SAMPLE_QUALITY,
    TABLES,
    collect_runs,
    read_source,
    read_table,
    write_table,
)


def rows(size, seed, steps):
    measured = {name: 0.1 for name in METRICS.columns}
    return METRICS.frame([measured | {"size": size, "seed": seed, "step": step} for step in steps])


def write_all(folder, tables):
    paths = [folder / str(i) / "metrics.csv" for i in range(len(tables))]
    for table, path in zip(tables, paths, strict=True):
        write_table(table, path)
    return paths


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.path)
def test_a_table_is_known_by_the_end_of_its_path(tmp_path, table):
    path = tmp_path / table.path.replace("*", "2d")
    whole = table.frame([["1"] * len(table.columns)])
    write_table(whole, path)
    assert read_source(str(path)).columns.tolist() == list(table.columns)
    write_table(whole.assign(unknown=1), path)
    with pytest.raises(RecordError, match="expected the columns"):
        read_source(path)


@pytest.mark.parametrize("table", [table for table in TABLES if table.key], ids=lambda table: table.path)
def test_a_column_that_an_old_table_lacks_reads_as_nan_unless_it_tells_rows_apart(tmp_path, table):
    path = tmp_path / table.path.replace("*", "2d")
    whole = table.frame([["1"] * len(table.columns)])
    later = [name for name in table.columns if name not in table.key]
    write_table(whole.drop(columns=later[-1:]), path)
    read = read_table(path)
    assert read.columns.tolist() == list(table.columns)
    assert read[later[-1]].isna().all() if later else True
    write_table(whole.drop(columns=table.key[0]), path)
    with pytest.raises(RecordError, match="expected the columns"):
        read_table(path)


@pytest.mark.parametrize("column", ["step", "order_parameter"])
def test_a_word_among_numbers_is_named(tmp_path, column):
    path = tmp_path / "order_parameter.csv"
    values = {"size": "10K", "step": "100", "order_parameter": "0.5"}
    for value in ("0.5.", "half", "1 2"):
        rows = [values, values | {column: value}]
        pd.DataFrame(rows).to_csv(path, index=False)
        with pytest.raises(RecordError, match=rf"order_parameter\.csv: {column} must be a number .*, found"):
            read_table(path)


def test_several_tables_are_one_and_json_is_what_it_holds(tmp_path):
    systems = ("2d", "1d")
    paths = [str(tmp_path / "ising/observables" / f"{system}.csv") for system in systems]
    for system, path in zip(systems, paths, strict=True):
        write_table(OBSERVABLES.frame([[system, *range(len(OBSERVABLES.columns) - 1)]]), path)
    both = read_source(paths)
    assert (both["system"].tolist(), both.index.tolist()) == (["2d", "1d"], [0, 1])
    write_json(tmp_path / "machine.json", {"torch": "2.13.0"})
    assert read_source(tmp_path / "machine.json") == {"torch": "2.13.0"}


def test_rows_are_ordered_as_the_experiment_lists_its_sizes(tmp_path):
    tables = [rows("10M", 2, [10, 0]), rows("0.1M", 1, [0]), rows("10M", 1, [0]), rows("10K", 10, [0])]
    paths = write_all(tmp_path, [*tables, rows("10K", 9, [0])])
    table = collect_runs(paths, ["10K", "0.1M", "10M"])
    assert list(table.columns) == list(METRICS.columns)
    assert list(table[["size", "seed", "step"]].itertuples(index=False, name=None)) == [
        ("10K", 9, 0),
        ("10K", 10, 0),
        ("0.1M", 1, 0),
        ("10M", 1, 0),
        ("10M", 2, 0),
        ("10M", 2, 10),
    ]


def test_a_missing_size_and_a_repeated_row_are_errors(tmp_path):
    (path,) = write_all(tmp_path, [rows("10K", 1, [0])])
    with pytest.raises(RecordError, match="10M"):
        collect_runs([path], ["10K", "10M"])
    with pytest.raises(RecordError, match="more than once"):
        collect_runs([path, path], ["10K"])


def test_text_is_scored_of_some_sizes_only(tmp_path):
    row = {"size": "10M", "seed": 1, "checkpoint": "best", "step": 5, "sample": 0, "quantity": "val_loss"}
    scored = SAMPLE_QUALITY.frame([[*row.values(), 1.5]])
    write_table(scored, tmp_path / "sample_quality.csv")
    pd.testing.assert_frame_equal(collect_runs([tmp_path / "sample_quality.csv"], ["10K", "10M"]), scored)


def test_no_table_has_a_file_name_of_another():
    names = pd.Series([table.path for table in TABLES])
    assert not names.duplicated().any()
