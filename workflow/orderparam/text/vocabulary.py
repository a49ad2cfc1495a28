"""From text to token ids and back: a token is a character (Unicode code point), its id the rank among all.

Files: `tokens.npy`, 1-D, uint8 up to 256 characters and uint16 above, and `vocabulary.json` beside it.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparam.errors import CorpusError, RecordError
from orderparam.files import atomic_write, open_regular, read_json, remedy, sha256_of_file, write_json

MAX_CHARACTERS = 65_535
CODE_POINTS = 0x110000
TRAIN_SHARE = 0.9

Tokens = NDArray[np.uint8] | NDArray[np.uint16]


class Vocabulary:
    """The distinct characters of a corpus in ascending order of code point; an id is a place in it."""

    def __init__(self, characters: Iterable[str]) -> None:
        """ValueError unless `characters` are single characters, distinct and ascending, 1 to 65,535."""
        self.characters = tuple(characters)
        if any(len(character) != 1 for character in self.characters) or list(self.characters) != sorted(
            set(self.characters)
        ):
            raise ValueError("a vocabulary consists of single characters, distinct and ascending")
        if not 1 <= len(self.characters) <= MAX_CHARACTERS:
            raise ValueError(f"a vocabulary has 1 to {MAX_CHARACTERS:,} characters, not {len(self)}")
        self.dtype = np.dtype(np.uint8 if len(self) <= 256 else np.uint16)
        self._code_points = np.array([ord(character) for character in self.characters], dtype=np.uint32)

    def __len__(self) -> int:
        return len(self.characters)

    def decode(self, ids: Sequence[int] | NDArray[np.integer]) -> str:
        """The text of the ids, a 1-D sequence."""
        places = np.asarray(ids, dtype=np.int64)
        return str(self._code_points[places].astype("<u4").tobytes(), "utf-32-le")


def tokenize_corpus(
    text_path: Path,
    manifest: dict[str, Any],
    tokens_path: Path,
    vocabulary_path: Path,
    chunk_characters: int = 1 << 20,
) -> dict[str, Any]:
    """Write the token ids of a UTF-8 text, then its vocabulary.json; return what that holds.

    `manifest` is the corpus's own (see `orderparam.text.corpus.fetch_corpus`). The vocabulary holds the
    characters of the text and those of the manifest's `alphabet`. Newlines and every other character
    stay as they are. The text is read twice, `chunk_characters` at a time. Raises CorpusError, naming the
    manifest's `source` and the place, for invalid UTF-8, an empty text, a NUL character, or more than
    65,535 distinct characters; RecordError if the text is not the one that the manifest describes.
    """
    source, expected = manifest["source"], manifest["sha256"]
    present, count = scan_text(text_path, source, manifest["alphabet"], chunk_characters)
    if (found := sha256_of_file(text_path)) != expected:
        raise RecordError(
            f"{text_path}: not the text that its manifest describes: expected sha256 {expected}, found "
            f"{found}; delete it to have it fetched anew"
        )

    vocabulary = Vocabulary(map(chr, np.flatnonzero(present)))
    ids = np.zeros(CODE_POINTS, dtype=vocabulary.dtype)
    ids[present] = np.arange(len(vocabulary))
    header = {"descr": vocabulary.dtype.str, "fortran_order": False, "shape": (count,)}
    with atomic_write(tokens_path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for text in _read_text(text_path, chunk_characters):
            file.write(ids[_code_points(text)].tobytes())
        # A vocabulary of earlier tokens must not outlive them.
        vocabulary_path.unlink(missing_ok=True)
    record = {
        "corpus": manifest["corpus"],
        "source": source,
        "characters": list(vocabulary.characters),
        "tokens": count,
        "train_tokens": split_at(count),
        "dtype": vocabulary.dtype.name,
        "sha256": sha256_of_file(tokens_path),
        "stand_in": manifest["stand_in"],
        "notice": manifest["notice"],
    }
    write_json(vocabulary_path, record)
    return record


def split_at(tokens: int) -> int:
    """How many of a corpus's tokens train; the rest validate."""
    return int(TRAIN_SHARE * tokens)


def scan_text(
    path: Path, source: str, alphabet: str | None = None, chunk_characters: int = 1 << 20
) -> tuple[NDArray[np.bool_], int]:
    """Which code points a UTF-8 text or `alphabet` has, shape (0x110000,), and the text's characters.

    Raises CorpusError for a text that cannot be a corpus, as `tokenize_corpus` does.
    """
    present = np.zeros(CODE_POINTS, dtype=bool)
    present[_code_points(alphabet or "")] = True
    count, readable = 0, True
    try:
        for text in _read_text(path, chunk_characters):
            present[_code_points(text)] = True
            count += len(text)
    except UnicodeDecodeError:
        readable = False
    if not readable or present[0] or np.count_nonzero(present) > MAX_CHARACTERS:
        raise _flaw(path, source, alphabet)
    if count == 0:
        raise CorpusError(f"{source}: the file is empty; a corpus needs text")
    return present, count


def corpus_label(record: Mapping[str, Any]) -> str:
    """A corpus's name for readers: an entry that may be a stand-in is named as one only where it is."""
    name = str(record["corpus"])
    return name if record["stand_in"] else name.removesuffix("_or_stand_in")


def describe_corpora(records: Sequence[Mapping[str, Any]], shows_entropies: bool = False) -> dict[str, Any]:
    """Names and stand-in notices of all corpora that a result rests on, as one mapping.

    `records` are the contents of their vocabulary.json; where `shows_entropies`, those of the first are shown
    for all, and the names say so. The keys are corpus, stand_in and notice (None without a stand-in).
    """
    names = ", ".join(corpus_label(record) for record in records)
    if shows_entropies and len(records) > 1:
        names += f" (n-gram entropies of {corpus_label(records[0])})"
    notices = [record["notice"] for record in records if record["stand_in"]]
    return {"corpus": names, "stand_in": bool(notices), "notice": "; ".join(notices) or None}


def load_vocabulary(path: Path) -> Vocabulary:
    """The vocabulary of a vocabulary.json; RecordError, naming the file, when missing or damaged."""
    return _read_record(path)[1]


def read_vocabulary(path: Path) -> dict[str, Any]:
    """What a vocabulary.json says; RecordError, naming the file, when missing or damaged."""
    return _read_record(path)[0]


def load_tokens(tokens_path: Path, vocabulary_path: Path) -> tuple[Tokens, Tokens]:
    """The training and the validation split, memory-mapped and read-only, each 1-D.

    The first int(0.9 N) of the N tokens train, the rest validate. Raises RecordError when a file is
    missing or damaged: the tokens' sha256 must be that in the vocabulary's file.
    """
    record, vocabulary = _read_record(vocabulary_path)
    try:
        found = sha256_of_file(tokens_path)
    except FileNotFoundError:
        raise RecordError(f"{tokens_path}: no such file") from None
    if found != record["sha256"]:
        raise RecordError(
            f"{tokens_path}: damaged: {vocabulary_path} has sha256 {record['sha256']}, found {found}; "
            "delete both to have them rebuilt"
        )
    tokens = np.load(tokens_path, mmap_mode="r")
    if len(tokens) != record["tokens"] or tokens.max(initial=0) >= len(vocabulary.characters):
        raise RecordError(
            f"{vocabulary_path}: has {record['tokens']:,} tokens of {len(vocabulary.characters)} characters, "
            f"but {tokens_path} has others; delete both to have them rebuilt"
        )
    split = record["train_tokens"]
    return tokens[:split], tokens[split:]


def check_windows(tokens: Sized, context: int, split_name: str, source: str) -> None:
    """Raise CorpusError unless a split holds one window: `context` tokens and the one after them."""
    if len(tokens) < context + 1:
        raise CorpusError(
            f"{source}: its {split_name} split has {len(tokens)} tokens, but a context of {context} needs at "
            f"least {context + 1}; use a longer text or a shorter context"
        )


def _read_record(path: Path) -> tuple[dict[str, Any], Vocabulary]:
    record = read_json(path)
    try:
        vocabulary = Vocabulary(record["characters"])
        of_text = {"dtype": vocabulary.dtype.name, "train_tokens": split_at(record["tokens"])}
        fits = all(record[key] == value for key, value in of_text.items())
        fits &= all(isinstance(record[key], str) for key in ("corpus", "source", "sha256"))
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"{path}: not a vocabulary ({error!r}); {remedy(path)}") from None
    if not fits:
        raise RecordError(f"{path}: contradicts itself in dtype or length; {remedy(path)}")
    return record, vocabulary


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4")


def _read_text(path: Path, chunk_characters: int) -> Iterator[str]:
    with io.TextIOWrapper(open_regular(path), encoding="utf-8", newline="") as file:
        while text := file.read(chunk_characters):
            yield text


def _flaw(path: Path, source: str, alphabet: str | None) -> CorpusError:
    """The error for the first flaw of the text at `path`, copied from `source`; it must have one."""
    content = path.read_bytes()
    flaws = []
    if (nul := content.find(b"\0")) >= 0:
        flaws.append((nul, "a NUL character, so not a text"))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        flaws.append((error.start, f"invalid UTF-8 ({error.reason})"))
    else:
        characters, firsts = np.unique(_code_points(text), return_index=True)
        known = np.unique(_code_points(alphabet or ""))
        new = np.sort(firsts[~np.isin(characters, known)])
        for first in new[MAX_CHARACTERS - len(known) :][:1]:
            what = f"more than {MAX_CHARACTERS:,} distinct characters"
            flaws.append((len(text[:first].encode("utf-8")), what))
    offset, what = min(flaws)
    line = 1 + content[:offset].count(b"\n")
    return CorpusError(
        f"{source}: {what}, at byte {offset} (counted from 0), line {line}; correct the file, or save it as "
        "UTF-8"
    )
