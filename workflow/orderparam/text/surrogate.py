"""Markov surrogates of a text: its 4-gram counts in a small file, and text sampled from them.

Build the table that ships with the library by

    python -m orderparam.text.surrogate build ../shared/corpora/tiny_shakespeare.txt \\
        workflow/orderparam/text/data/tiny_shakespeare_4grams.xz

A surrogate of Markov order k draws each character given the k before it, so that its text has the
(k+1)-gram statistics of the source and nothing beyond them.

n-grams are counted circularly, as if the text's end were followed by its beginning. So every
context has a successor, sampling never gets stuck, and the counts of shorter n-grams are the same
marginals whether the first or the last characters are summed over.

File format: an xz stream whose content is one line of JSON (see `NgramTable.write`), a newline, and
two arrays of G unsigned LEB128 integers each: the differences of the 4-grams' ascending codes (each
character's place in the alphabet is a digit in base len(alphabet); the first code is kept whole),
then the counts.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import random
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orderparam.errors import CorpusError, RecordError
from orderparam.files import atomic_write
from orderparam.text.ngrams import NgramCounts, Tokens

TINY_SHAKESPEARE = Path(__file__).parent / "data" / "tiny_shakespeare_4grams.xz"
LENGTH = 4
FORMAT = "n-gram table 1"
MAX_ALPHABET = 65_535  # keeps the codes of 4-grams below 2**64
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]


@dataclass(frozen=True)
class NgramTable:
    """The circular 4-gram counts of one text.

    `ngrams` (G, 4), int64, are places in `alphabet`, in lexicographic order; `counts` (G,), int64, sum
    to the number of characters of the text, whose UTF-8 bytes have the sum `sha256`.
    """

    corpus: str
    alphabet: str
    sha256: str
    ngrams: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def from_tokens(cls, tokens: Tokens, alphabet: str, corpus: str, sha256: str) -> NgramTable:
        """Count a tokenized corpus; `tokens` (N,) are places in `alphabet`, and N is at least 1."""
        circular = np.resize(tokens, len(tokens) + LENGTH - 1)
        ngrams, counts = NgramCounts.count(circular, len(alphabet), LENGTH).ngrams(LENGTH)
        return cls(corpus, alphabet, sha256, ngrams, counts)

    @classmethod
    def from_text(cls, path: str | Path) -> NgramTable:
        """Count a UTF-8 text file, named after its stem; CorpusError if it has no readable text."""
        try:
            content = Path(path).read_bytes()
            text = content.decode("utf-8")
        except OSError as error:
            raise CorpusError(f"{path}: cannot be read ({error.strerror})") from None
        except UnicodeDecodeError as error:
            raise CorpusError(f"{path}: invalid UTF-8 at byte {error.start}") from None
        if not text:
            raise CorpusError(f"{path}: the file is empty")
        codes, tokens = np.unique(np.frombuffer(text.encode("utf-32-le"), np.uint32), return_inverse=True)
        if len(codes) > MAX_ALPHABET:
            raise CorpusError(
                f"{path}: {len(codes)} distinct characters, but at most {MAX_ALPHABET} are allowed"
            )
        alphabet = "".join(map(chr, codes))
        return cls.from_tokens(tokens, alphabet, Path(path).stem, hashlib.sha256(content).hexdigest())

    def write(self, path: str | Path) -> None:
        """Write the table; the same table gives the same bytes on the same version of liblzma."""
        header = {
            "format": FORMAT,
            "corpus": self.corpus,
            "sha256": self.sha256,
            "characters": int(self.counts.sum()),
            "length": LENGTH,
            "ngrams": len(self.counts),
            "alphabet": self.alphabet,
        }
        codes = np.zeros(len(self.ngrams), dtype=np.uint64)
        for column in self.ngrams.T.astype(np.uint64):
            codes = codes * np.uint64(len(self.alphabet)) + column
        deltas = np.concatenate([codes[:1], codes[1:] - codes[:-1]])
        content = b"%s\n%s" % (
            json.dumps(header).encode(),
            _to_leb128([*deltas.tolist(), *self.counts.tolist()]),
        )
        with atomic_write(path, "wb") as file:
            file.write(lzma.compress(content, format=lzma.FORMAT_XZ, filters=_FILTERS))

    @classmethod
    def read(cls, path: str | Path) -> NgramTable:
        """Read what `write` wrote; RecordError, naming the file, when it is missing or damaged."""
        try:
            head, _, body = lzma.decompress(Path(path).read_bytes(), format=lzma.FORMAT_XZ).partition(b"\n")
            header = json.loads(head)
            numbers = np.array(_from_leb128(body), dtype=np.uint64)
            size, count = len(header["alphabet"]), header["ngrams"]
            if header["format"] != FORMAT or header["length"] != LENGTH or len(numbers) != 2 * count:
                raise ValueError("the header does not fit the content")
            codes, counts = np.cumsum(numbers[:count]), numbers[count:].astype(np.int64)
            digits = [
                codes // np.uint64(size**power) % np.uint64(size) for power in range(LENGTH - 1, -1, -1)
            ]
            if counts.sum() != header["characters"]:
                raise ValueError("the counts do not add up to the number of characters")
        except FileNotFoundError:
            raise RecordError(f"{path}: no such file") from None
        except (OSError, lzma.LZMAError, ValueError, KeyError, TypeError) as error:
            raise RecordError(f"{path}: not a readable n-gram table ({error}); build it anew") from None
        ngrams = np.stack(digits, axis=1).astype(np.int64)
        return cls(header["corpus"], header["alphabet"], header["sha256"], ngrams, counts)

    def marginal(self, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Circular n-grams of `length` 0 to 4 in lexicographic order, (G, length), and their counts, (G,)."""
        prefixes = self.ngrams[:, :length]
        differs = np.any(prefixes[1:] != prefixes[:-1], axis=1)
        starts = np.flatnonzero(np.concatenate([[True], differs]))
        return prefixes[starts], np.add.reduceat(self.counts, starts)

    def conditional_entropy(self, order: int) -> float:
        """Entropy of a character given the order - 1 before it, order 1 to 4, circular text, in nats."""
        ngrams, counts = self.marginal(order)
        contexts, totals = self.marginal(order - 1)
        total = np.repeat(totals, [len(block) for block in _blocks(ngrams, contexts)])
        return float(np.sum(counts * np.log(total / counts)) / np.sum(counts))


def sample_text(table: NgramTable, order: int, seed: int, characters: int) -> str:
    """Text of `characters` characters from the stationary Markov chain of `order` 1, 2 or 3.

    The first `order` characters are drawn together from the table's n-grams of that length, each later
    one given the `order` before it. Draws are Python's Mersenne Twister compared with integer counts, so
    that a seed gives the same text with every version of Python and on every machine.
    """
    if not 1 <= order < LENGTH:
        raise ValueError(f"a table of {LENGTH}-grams gives Markov orders 1 to {LENGTH - 1}, not {order}")
    if characters < 0:
        raise ValueError(f"cannot sample {characters} characters")
    states, state_counts = table.marginal(order)
    ngrams, counts = table.marginal(order + 1)
    index = {state: place for place, state in enumerate(map(tuple, states.tolist()))}
    cumulative, emitted, following = [], [], []
    for block in _blocks(ngrams, states):
        cumulative.append(np.cumsum(counts[block.start : block.stop]).tolist())
        rows = ngrams[block.start : block.stop].tolist()
        emitted.append([table.alphabet[row[-1]] for row in rows])
        following.append([index[tuple(row[1:])] for row in rows])

    draw = random.Random(seed).random
    start_sums = np.cumsum(state_counts).tolist()
    state = bisect_right(start_sums, draw() * start_sums[-1])
    text = [table.alphabet[place] for place in states[state].tolist()]
    for _ in range(characters - order):
        sums = cumulative[state]
        chosen = bisect_right(sums, draw() * sums[-1])
        text.append(emitted[state][chosen])
        state = following[state][chosen]
    return "".join(text[:characters])


def _blocks(ngrams: NDArray[np.int64], contexts: NDArray[np.int64]) -> list[range]:
    """The rows of `ngrams` that continue each of `contexts`, both in lexicographic order."""
    prefixes = ngrams[:, :-1]
    starts = np.flatnonzero(np.any(prefixes[1:] != prefixes[:-1], axis=1)) + 1
    edges = [0, *starts.tolist(), len(ngrams)]
    blocks = [range(first, last) for first, last in pairwise(edges)]
    if len(blocks) != len(contexts):
        raise RecordError("the n-gram table is not circular: a context has no successor; build it anew")
    return blocks


def _to_leb128(numbers: list[int]) -> bytes:
    """Unsigned integers, seven bits a byte, low bits first; the high bit is set on all but the last byte."""
    out = bytearray()
    for number in numbers:
        while number > 127:
            out.append(number & 127 | 128)
            number >>= 7
        out.append(number)
    return bytes(out)


def _from_leb128(content: bytes) -> list[int]:
    """The inverse of `_to_leb128`; ValueError if the last number is cut off."""
    numbers, number, shift = [], 0, 0
    for byte in content:
        number |= (byte & 127) << shift
        if byte > 127:
            shift += 7
        else:
            numbers.append(number)
            number, shift = 0, 0
    if shift:
        raise ValueError("the last number is cut off")
    return numbers


def main(arguments: list[str] | None = None) -> None:
    """The command `build SOURCE OUTPUT`."""
    parser = argparse.ArgumentParser(
        prog="python -m orderparam.text.surrogate", description="4-gram tables of texts"
    )
    build = parser.add_subparsers(required=True).add_parser("build", help="count a UTF-8 text's 4-grams")
    build.add_argument("source", type=Path, help="text file; its stem becomes the table's name")
    build.add_argument("output", type=Path, help="table to write, *.xz")
    options = parser.parse_args(arguments)
    NgramTable.from_text(options.source).write(options.output)


if __name__ == "__main__":
    main()
