import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderparam.errors import RecordError
from orderparam.files import atomic_write, read_json, read_regular, remedy, sha256_of_file, write_json
from orderparam.tables import Table, write_table


def toy(*columns):
    return Table("toy", dict.fromkeys(columns, ""), key=columns)


def test_an_error_in_the_block_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as file:
        file.write("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_new_files_have_ordinary_permissions(tmp_path):
    plain, atomic = tmp_path / "plain", tmp_path / "deep" / "atomic"
    plain.write_text("x")
    with atomic_write(atomic) as file:
        file.write("x")
    assert atomic.stat().st_mode == plain.stat().st_mode


@settings(max_examples=30)
@given(
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1),
    suffix=st.sampled_from(["csv", "parquet"]),
)
def test_floats_survive_to_the_last_bit(tmp_path_factory, values, suffix):
    path = tmp_path_factory.mktemp("records") / f"table.{suffix}"
    frame = pd.DataFrame({"x": np.array(values, dtype=np.float64)})
    write_table(frame, path)
    assert toy("x").read(path)["x"].to_numpy(np.float64).tobytes() == frame["x"].to_numpy().tobytes()


@pytest.mark.parametrize("size", ["10K", "1", "NA", "nan", "null", "1e5", "010"])
def test_a_size_is_text_and_an_empty_number_is_nan(tmp_path, size):
    path = tmp_path / "table.csv"
    write_table(pd.DataFrame({"size": [size, size], "x": [1.5, np.nan]}), path)
    table = toy("size", "x").read(path)
    assert table["size"].tolist() == [size, size]
    assert np.isnan(table["x"][1])


def test_the_same_table_gives_the_same_bytes(tmp_path):
    frame = pd.DataFrame({"size": ["10K"], "x": [0.1]})
    for suffix in ("csv", "parquet"):
        for name in ("a", "b"):
            write_table(frame, tmp_path / f"{name}.{suffix}")
        assert sha256_of_file(tmp_path / f"a.{suffix}") == sha256_of_file(tmp_path / f"b.{suffix}")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_missing_damaged_and_other_tables_are_named(tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    with pytest.raises(RecordError, match=rf"table\.{suffix}: no such file"):
        toy("x").read(path)
    write_table(pd.DataFrame({"y": [1]}), path)
    with pytest.raises(RecordError, match=r"expected the columns \['x'\], found \['y'\]"):
        toy("x").read(path)
    path.write_bytes(b"\x00\xff\n1,2\n")
    with pytest.raises(RecordError, match=rf"table\.{suffix}"):
        toy("x").read(path)


def test_json_is_read_back_and_damage_is_named(tmp_path):
    path = tmp_path / "manifest.json"
    write_json(path, {"characters": ["ä", "\n"]})
    assert read_json(path) == {"characters": ["ä", "\n"]}
    path.write_text(path.read_text()[:-5])
    with pytest.raises(RecordError, match=r"manifest\.json"):
        read_json(path)
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"loss": float("nan")})


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("results/recorded/paper/manifest.json", "git checkout -- results/recorded/paper/manifest.json"),
        (
            "results/smoke/runs/nano/seeds-1-1/checkpoints/seed-1/step-000000.json",
            "delete the folder results/smoke/runs/nano/seeds-1-1/checkpoints to have it made anew",
        ),
        ("results/corpora/play/vocabulary.json", "delete it to have it made anew"),
        ("run.json", "have it made anew by what made it"),
    ],
)
def test_advice_fits_the_file(tmp_path, path, advice):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("{")
    with pytest.raises(RecordError, match="not valid JSON"):
        read_json(tmp_path / path)
    assert remedy(Path(path)).endswith(advice)


def test_what_is_no_file_is_named(tmp_path):
    for content in (b"[" * 100_000, b"1" * 5_000, b"\xff"):
        (tmp_path / "a.json").write_bytes(content)
        with pytest.raises(RecordError, match=r"a\.json: not valid JSON"):
            read_json(tmp_path / "a.json")
    with pytest.raises(RecordError, match="cannot be read: Is a directory"):
        read_json(tmp_path)


@pytest.mark.parametrize("change", [os.mkfifo, lambda path: path.symlink_to("/etc/passwd")])
def test_a_file_that_becomes_another_after_its_check_is_not_read(tmp_path, monkeypatch, change):
    path = tmp_path / "sample.txt"
    change(path)
    # As if it had been a file then.
    monkeypatch.setattr("orderparam.files.check_regular", lambda path, largest: path)
    with pytest.raises(RecordError, match=r"sample\.txt: cannot be read"):
        read_regular(path, 100)
