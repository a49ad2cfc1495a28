"""Tokenizing: round trips, dtypes, and errors that name the file and the place."""

import hashlib
import json
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import tiny_shakespeare
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orderparam.errors import CorpusError, RecordError
from orderparam.files import read_json, sha256_of_file
from orderparam.text.vocabulary import (
    Vocabulary,
    check_windows,
    load_tokens,
    load_vocabulary,
    tokenize_corpus,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60)
CHARACTERS = [chr(code) for code in range(1, 0x11000) if not 0xD800 <= code < 0xE000]


def tokenize_in(folder, content, chunk_characters=1 << 20, **manifest):
    """Tokenize bytes as the corpus `novel`, copied from books/novel.txt; returns the record."""
    (folder / "corpus.txt").write_bytes(content)
    described = {
        "corpus": "novel",
        "source": "books/novel.txt",
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    described |= {"stand_in": False, "notice": None, "alphabet": None}
    paths = [folder / name for name in ("tokens.npy", "vocabulary.json")]
    return tokenize_corpus(folder / "corpus.txt", described | manifest, *paths, chunk_characters)


@pytest.fixture
def tokenize(tmp_path):
    return partial(tokenize_in, tmp_path)


def all_tokens(folder):
    return np.concatenate(load_tokens(folder / "tokens.npy", folder / "vocabulary.json"))


def test_ids_are_ranks_among_the_distinct_characters(tokenize, tmp_path):
    record = tokenize(b"hello\nworld")
    assert record == read_json(tmp_path / "vocabulary.json")
    numbers = {"tokens": 11, "train_tokens": 9, "dtype": "uint8"}
    assert record == numbers | {
        "corpus": "novel",
        "source": "books/novel.txt",
        "characters": ["\n", *"dehlorw"],
        "sha256": sha256_of_file(tmp_path / "tokens.npy"),
        "stand_in": False,
        "notice": None,
    }
    tokens = np.load(tmp_path / "tokens.npy")
    assert tokens.dtype == np.uint8
    assert tokens.tolist() == [3, 2, 4, 4, 5, 0, 7, 5, 6, 4, 1]


@settings(max_examples=40, deadline=None)
@given(text=TEXT, chunk_characters=st.integers(1, 9))
@example(text="\ufeffone\r\ntwo\rthree\u2028", chunk_characters=4)
def test_round_trip_whatever_the_chunks(tmp_path_factory, text, chunk_characters):
    folder = tmp_path_factory.mktemp("corpus")
    tokenize_in(folder, text.encode("utf-8"), chunk_characters)
    vocabulary = load_vocabulary(folder / "vocabulary.json")
    assert vocabulary.characters == tuple(sorted(set(text)))
    assert vocabulary.decode(all_tokens(folder)) == text


@pytest.mark.parametrize(("size", "dtype"), [(256, "uint8"), (257, "uint16"), (65_535, "uint16")])
def test_smallest_unsigned_dtype(tokenize, tmp_path, size, dtype):
    record = tokenize("".join(CHARACTERS[:size]).encode("utf-8"))
    assert record["dtype"] == dtype
    assert np.array_equal(all_tokens(tmp_path), np.arange(size))
    assert all_tokens(tmp_path).dtype == np.dtype(dtype)


def test_alphabet_of_a_stand_in_is_united_with_the_text(tokenize, tmp_path):
    record = tokenize(b"bad", alphabet="abcz", stand_in=True, notice="STAND-IN")
    assert record["characters"] == ["a", "b", "c", "d", "z"]
    assert (record["stand_in"], record["notice"]) == (True, "STAND-IN")
    assert all_tokens(tmp_path).tolist() == [1, 0, 3]


@pytest.mark.parametrize("chunk_characters", [1, 3, 1 << 20])
@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"one\ntwo\xff\n", "invalid UTF-8 .*, at byte 7 .*, line 2"),
        ("é\né".encode()[:-1], r"invalid UTF-8 \(unexpected end of data\), at byte 3 .*, line 2"),
        (b"\xf0\x9f\x98", r"invalid UTF-8 \(unexpected end of data\), at byte 0 .*, line 1"),
        (b"a\n\xed\xa0\x80", "invalid UTF-8 .*, at byte 2 .*, line 2"),
        ("é\n\nx\0y".encode(), "a NUL character.*, at byte 5 .*, line 3"),
        (b"a\xff\0", "invalid UTF-8 .*, at byte 1 "),
        (b"a\0\xff", "a NUL character.*, at byte 1 "),
        (b"a\xc3\0", "invalid UTF-8 .*, at byte 1 "),
        (b"", "the file is empty"),
    ],
)
def test_flaws_are_named_with_their_place(tokenize, tmp_path, content, place, chunk_characters):
    with pytest.raises(CorpusError, match=rf"^books/novel\.txt: {place}"):
        tokenize(content, chunk_characters)
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]


@pytest.mark.parametrize("chunk_characters", [1_000, 1 << 20])
def test_too_many_characters_are_refused_where_they_become_too_many(tokenize, tmp_path, chunk_characters):
    allowed = "".join(CHARACTERS[:65_535])
    tokenize(allowed.encode("utf-8"), chunk_characters)
    for name in ("tokens.npy", "vocabulary.json"):
        (tmp_path / name).unlink()
    text = allowed + "aaa\n" + CHARACTERS[65_535] + CHARACTERS[65_536]
    byte = len((allowed + "aaa\n").encode("utf-8"))
    line = 2 + allowed.count("\n")
    with pytest.raises(
        CorpusError, match=rf"novel\.txt: more than 65,535 distinct .* byte {byte} .* line {line};"
    ):
        tokenize(text.encode("utf-8"), chunk_characters)
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]


def test_failure_leaves_the_earlier_tokens(tokenize, tmp_path):
    tokenize(b"abc")
    with pytest.raises(CorpusError):
        tokenize(b"ab\xff")
    with pytest.raises(RecordError, match=r"corpus\.txt: not the text that its manifest describes"):
        tokenize(b"xyz", sha256="0" * 64)
    assert all_tokens(tmp_path).tolist() == [0, 1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.txt", "tokens.npy", "vocabulary.json"]


@pytest.mark.parametrize("characters", [["b", "a"], ["a", "a"], ["ab"], [""], []])
def test_vocabulary_must_be_ascending_single_characters(characters):
    assert Vocabulary("abc").decode([2, 0]) == "ca" and Vocabulary("abc").decode([]) == ""
    with pytest.raises(ValueError, match="vocabulary"):
        Vocabulary(characters)


def test_splits_are_memory_mapped(tokenize, tmp_path):
    tokenize(b"abcdefghijklm")
    train, validation = load_tokens(tmp_path / "tokens.npy", tmp_path / "vocabulary.json")
    assert isinstance(train, np.memmap)
    assert isinstance(validation, np.memmap)
    assert train.tolist() == list(range(int(0.9 * 13)))
    assert validation.tolist() == [11, 12]
    with pytest.raises(ValueError, match="read-only"):
        train[0] = 1


def test_tokens_that_are_not_those_of_their_vocabulary_are_refused(tokenize, tmp_path):
    tokens, vocabulary = tmp_path / "tokens.npy", tmp_path / "vocabulary.json"
    tokenize(b"abcdefghijklm")
    good, content = np.load(tokens), tokens.read_bytes()
    flipped = good.copy()
    flipped[5] ^= 1
    for bad in (good[:-1], good.astype(np.uint16), flipped):
        np.save(tokens, bad)
        with pytest.raises(RecordError, match=r"tokens\.npy: damaged: .*vocabulary\.json has sha256"):
            load_tokens(tokens, vocabulary)
    tokens.write_bytes(content[:100])
    with pytest.raises(RecordError, match=r"tokens\.npy: damaged"):
        load_tokens(tokens, vocabulary)
    tokens.unlink()
    with pytest.raises(RecordError, match=r"tokens\.npy: no such file"):
        load_tokens(tokens, vocabulary)


CHANGES = [{"characters": each} for each in (["b", "a"], None)]
CHANGES += [{"dtype": "uint16"}, {"train_tokens": 14}, {"tokens": "13"}, {"sha256": None}]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_damaged_vocabulary_is_refused(tokenize, tmp_path, change):
    record = tokenize(b"abcdefghijklm")
    (tmp_path / "vocabulary.json").write_text(json.dumps(record | change))
    with pytest.raises(RecordError, match=r"vocabulary\.json: "):
        load_vocabulary(tmp_path / "vocabulary.json")


def test_tokens_beyond_the_vocabulary_are_refused(tokenize, tmp_path):
    record = tokenize(b"abcdefghijklm")
    (tmp_path / "vocabulary.json").write_text(json.dumps(record | {"characters": record["characters"][:-1]}))
    with pytest.raises(RecordError, match=r"has 13 tokens of 12 characters, but .* has others"):
        load_tokens(tmp_path / "tokens.npy", tmp_path / "vocabulary.json")


def test_window_needs_one_token_more_than_its_context():
    check_windows(np.zeros(65, np.uint8), 64, "validation", "books/novel.txt")
    with pytest.raises(CorpusError, match=r"books/novel\.txt: its validation split has 64 tokens.* least 65"):
        check_windows(np.zeros(64, np.uint8), 64, "validation", "books/novel.txt")


def test_memory_does_not_grow_with_the_text(tmp_path):
    """Peak resident memory of a fresh process for 8 MB and for 64 MB of text, at most 16 MB apart."""
    program = """
import hashlib, resource, sys
from pathlib import Path
from orderparam.text.vocabulary import tokenize_corpus
folder, size = Path(sys.argv[1]), int(sys.argv[2])
line = "Ein Satz, größer als ASCII, und noch einer.\\n".encode()
sha256 = hashlib.sha256()
with (folder / "corpus.txt").open("wb") as file:
    for _ in range(size // len(line)):
        file.write(line)
        sha256.update(line)
manifest = {"corpus": "c", "source": "s", "stand_in": False, "notice": None, "alphabet": None}
manifest["sha256"] = sha256.hexdigest()
tokenize_corpus(folder / "corpus.txt", manifest, folder / "tokens.npy", folder / "vocabulary.json")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    peaks = []
    for size in ("8_000_000", "64_000_000"):
        command = [sys.executable, "-c", program, str(tmp_path), size]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) / (1024 if sys.platform == "linux" else 1024**2))
    assert peaks[1] - peaks[0] < 16


@tiny_shakespeare.needed
def test_tiny_shakespeare(tokenize, tmp_path):
    content = tiny_shakespeare.PATH.read_bytes()
    record = tokenize(content)
    assert len(record["characters"]) == 65
    assert (record["tokens"], record["train_tokens"], record["dtype"]) == (1_115_394, 1_003_854, "uint8")
    assert load_vocabulary(tmp_path / "vocabulary.json").decode(all_tokens(tmp_path)) == content.decode(
        "ascii"
    )
