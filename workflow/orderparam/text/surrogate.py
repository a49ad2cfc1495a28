"""Markov surrogates of a text: its 4-gram counts in a small file, and text sampled from them; Markov chains.

Build the table that ships with the library by

    NgramTable.from_text("../shared/corpora/tiny_shakespeare.txt").write(TINY_SHAKESPEARE)

A surrogate of Markov order k draws each character given the k before it, so that its text has the
(k+1)-gram statistics of the source and nothing beyond them.

n-grams are counted circularly, as if the text's end were followed by its beginning. So every
context has a successor, sampling never gets stuck, and the counts of shorter n-grams are the same
marginals whether the first or the last characters are summed over.

File format: xz around one JSON object, see `NgramTable.write`.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import random
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray

from orderparam.errors import RecordError
from orderparam.files import atomic_write
from orderparam.text.ngrams import NgramCounts, Tokens
from orderparam.text.vocabulary import scan_text

TINY_SHAKESPEARE = Path(__file__).parent / "data" / "tiny_shakespeare_4grams.xz"
LENGTH = 4


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
        """Count a UTF-8 text file, named after its stem; CorpusError if it cannot be a corpus."""
        path = Path(path)
        scan_text(path, str(path))
        content = path.read_bytes()
        code_points = np.frombuffer(content.decode("utf-8").encode("utf-32-le"), np.uint32)
        codes, tokens = np.unique(code_points, return_inverse=True)
        alphabet = "".join(map(chr, codes))
        return cls.from_tokens(tokens, alphabet, path.stem, hashlib.sha256(content).hexdigest())

    def write(self, path: str | Path) -> None:
        """Write the table; the same table gives the same bytes on the same version of liblzma.

        4-grams are kept as the differences of their ascending codes, in which a character's place in the
        alphabet is a digit in base len(alphabet), at most 65,535, so that they stay below 2**64.
        """
        codes = np.zeros(len(self.ngrams), dtype=np.uint64)
        for column in self.ngrams.T.astype(np.uint64):
            codes = codes * np.uint64(len(self.alphabet)) + column
        content = {
            "corpus": self.corpus,
            "sha256": self.sha256,
            "characters": int(self.counts.sum()),
            "alphabet": self.alphabet,
            "code_differences": [*codes[:1].tolist(), *np.diff(codes).tolist()],
            "counts": self.counts.tolist(),
        }
        packed = lzma.compress(
            json.dumps(content, separators=(",", ":")).encode(), preset=9 | lzma.PRESET_EXTREME
        )
        with atomic_write(path, "wb") as file:
            file.write(packed)

    @classmethod
    def read(cls, path: str | Path) -> NgramTable:
        """Read what `write` wrote; RecordError, naming the file, when it is missing or damaged."""
        try:
            content = json.loads(lzma.decompress(Path(path).read_bytes()))
            codes = np.cumsum(np.array(content["code_differences"], dtype=np.uint64))
            counts = np.array(content["counts"], dtype=np.int64)
            if len(codes) != len(counts) or counts.sum() != content["characters"]:
                raise ValueError("the counts do not add up to the number of characters")
            size = np.uint64(len(content["alphabet"]))
            digits = [codes // size ** np.uint64(power) % size for power in reversed(range(LENGTH))]
        except FileNotFoundError:
            raise RecordError(f"{path}: no such file") from None
        except (OSError, lzma.LZMAError, ValueError, KeyError, TypeError) as error:
            raise RecordError(f"{path}: not a readable n-gram table ({error}); build it anew") from None
        ngrams = np.stack(digits, axis=1).astype(np.int64)
        return cls(content["corpus"], content["alphabet"], content["sha256"], ngrams, counts)

    def marginal(self, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Circular n-grams of `length` 0 to 4 in lexicographic order, (G, length), and their counts, (G,)."""
        prefixes = self.ngrams[:, :length]
        differs = np.any(prefixes[1:] != prefixes[:-1], axis=1)
        starts = np.flatnonzero(np.concatenate([[True], differs]))
        return prefixes[starts], np.add.reduceat(self.counts, starts)


def sample_text(table: NgramTable, order: int, seed: int, characters: int) -> str:
    """Text of `characters` characters from the stationary Markov chain of `order` 1, 2 or 3.

    The first `order` characters are drawn together from the table's n-grams of that length, each later
    one given the `order` before it. Draws are Python's Mersenne Twister compared with integer counts, so
    that a seed gives the same text with every version of Python and on every machine.
    """
    # What may follow each context: cumulative counts, and the last characters' places.
    successors: dict[tuple[int, ...], tuple[list[int], list[int]]] = {}
    ngrams, counts = table.marginal(order + 1)
    for ngram, count in zip(ngrams.tolist(), counts.tolist(), strict=True):
        sums, last = successors.setdefault(tuple(ngram[:-1]), ([], []))
        sums.append(count + (sums[-1] if sums else 0))
        last.append(ngram[-1])

    draw = random.Random(seed).random
    contexts, counts = table.marginal(order)
    sums = np.cumsum(counts).tolist()
    context = tuple(contexts[bisect_right(sums, draw() * sums[-1])].tolist())
    places = list(context)
    for _ in range(characters - order):
        sums, last = successors[context]
        places.append(last[bisect_right(sums, draw() * sums[-1])])
        context = (*context[1:], places[-1])
    return "".join(table.alphabet[place] for place in places[:characters])


def sample_chains(letters: int, stretch: int, seed: int, characters: int) -> str:
    """Text of `characters` characters in which every `stretch` of them follows a Markov chain of its own.

    The rows of each chain's transition matrix, over the first `letters` of the alphabet, are drawn from the
    Dirichlet(1, ..., 1) distribution, as in arXiv 2402.11004. A stretch goes on from the last letter before.
    A seed gives the same text everywhere, as with `sample_text`.
    """
    draw = random.Random(seed).random
    place, places = 0, []
    for start in range(0, characters, stretch):
        # The gaps between sorted uniform numbers have that distribution.
        rows = [sorted(draw() for _ in range(letters - 1)) for _ in range(letters)]
        for _ in range(min(stretch, characters - start)):
            place = bisect_right(rows[place], draw())
            places.append(place)
    return "".join(map(ascii_lowercase.__getitem__, places))
