import pandas as pd
import pytest

from orderparam.errors import RecordError
from orderparam.ising.columns import OBSERVABLE_COLUMNS
from orderparam.records import write_json, write_table
from orderparam.tables import TABLE_COLUMNS, read_source


@pytest.mark.parametrize("end", TABLE_COLUMNS)
def test_a_table_is_known_by_the_end_of_its_path(tmp_path, end):
    path = tmp_path / end.replace("*", "2d")
    table = pd.DataFrame([["1"] * len(TABLE_COLUMNS[end])], columns=list(TABLE_COLUMNS[end]))
    write_table(table, path)
    assert read_source(str(path)).columns.tolist() == list(TABLE_COLUMNS[end])
    write_table(table.iloc[:, 1:], path)
    with pytest.raises(RecordError, match="expected the columns"):
        read_source(path)


def test_several_tables_are_one_and_json_is_what_it_holds(tmp_path):
    systems = ("2d", "1d")
    paths = [str(tmp_path / "ising/observables" / f"{system}.csv") for system in systems]
    for system, path in zip(systems, paths, strict=True):
        row = [system, *range(len(OBSERVABLE_COLUMNS) - 1)]
        write_table(pd.DataFrame([row], columns=list(OBSERVABLE_COLUMNS)), path)
    both = read_source(paths)
    assert (both["system"].tolist(), both.index.tolist()) == (["2d", "1d"], [0, 1])
    write_json(tmp_path / "machine.json", {"torch": "2.13.0"})
    assert read_source(tmp_path / "machine.json") == {"torch": "2.13.0"}
