"""Fetching a corpus: from a mirror folder, over the network, from an own file, or as a marked stand-in."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, MaxRetryError
from urllib3.util.retry import Retry

from orderparam.errors import CorpusError
from orderparam.files import atomic_write, open_regular, write_json
from orderparam.text.surrogate import TINY_SHAKESPEARE, NgramTable, sample_chains, sample_text

logger = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 20
# Seconds to connect, and between two packets. The first is short, since a host that drops packets silently is
# tried once or twice at each of its addresses.
TIMEOUT = (3.0, 8.0)
BACKOFF_SECONDS = 0.25
# Whole transfers of one source that breaks off.
ATTEMPTS = 3
# A source is given up that sends more bytes, or fewer a second once it had some seconds.
LARGEST_BYTES, SLOWEST_BYTES, PATIENCE_SECONDS = 1 << 32, 2_000, 20.0
PROGRESS_SECONDS = 5.0
# For the head of an answer, which may come byte by byte too.
ANSWER_SECONDS = 60.0


class _Unreachable(Exception):
    """A source did not answer, or not as it should; the message says why."""


class _BrokenOff(CorpusError):
    """A transfer ended before its end."""


def fetch_corpus(
    name: str,
    entry: dict[str, Any],
    mirror: Path | None,
    text_path: Path,
    manifest_path: Path,
    root: Path,
) -> dict[str, Any]:
    """Write the text of the corpus `name` and its manifest, both atomically; return the manifest.

    `entry` is the corpus's entry in the configuration. One with `file` is copied from there. Otherwise
    the sources are, in order, `mirror_file` in the folder `mirror` and the `urls`, and the first that
    answers, neither too slowly nor without end, wins. If none does and the entry has `stand_in` (order, seed,
    characters), the text is sampled from the 4-gram table of Tiny Shakespeare and the manifest says so.
    Relative paths are relative to `root`. The manifest has the keys corpus, source, sha256 (of the text),
    bytes, stand_in, notice (None unless it is a stand-in) and alphabet (None, or all characters that the
    vocabulary must have).

    Raises CorpusError when no source answers, a transfer breaks off again and again, or the bytes are not
    those of the entry's `sha256`: wrong bytes never lead to another source or to the stand-in.
    """
    tried = []
    for source, opened in _sources(entry, mirror, root):
        logger.info("corpus %s: trying %s", name, source)
        try:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    with opened() as body:
                        return _store(name, source, body, text_path, manifest_path, entry.get("sha256"))
                except _BrokenOff as error:
                    if attempt == ATTEMPTS:
                        raise
                    logger.info("%s", error)
        except _Unreachable as error:
            logger.info("corpus %s: %s not reached: %s", name, source, error)
            tried.append(f"  {source}: {error}")
            if "file" in entry:
                raise CorpusError(
                    f"corpus {name}: its file {root / entry['file']} cannot be read: {error}; put the file "
                    f"there or correct corpora: {name}: file in the configuration"
                ) from None
    if "stand_in" in entry:
        return _make_stand_in(name, entry, text_path, manifest_path)
    place = f" as {entry['mirror_file']}" if "mirror_file" in entry else ""
    folder = f"the mirror folder {mirror}" if mirror else "a folder"
    raise CorpusError(
        f"corpus {name}: no source could be reached:\n"
        + "\n".join(tried or ["  (none is configured)"])
        + f"\nPlace the file in {folder}{place}, or set corpus_mirror in the configuration to the folder "
        "that holds it, or run again with a network."
    )


def generate_surrogate(
    name: str,
    entry: dict[str, Any],
    origin_text: Path,
    origin: dict[str, Any],
    text_path: Path,
    manifest_path: Path,
) -> dict[str, Any]:
    """Write a Markov surrogate of another corpus and its manifest, both atomically; return the manifest.

    `entry` is the corpus's entry in the configuration (surrogate_of, order, seed and perhaps characters),
    `origin_text` and `origin` are text and manifest of the corpus that it names. The surrogate of a
    stand-in bears the stand-in's notice. The manifest's keys are those of `fetch_corpus`; `alphabet`
    has all characters of the other corpus, so that both have one vocabulary.
    """
    table = NgramTable.from_text(origin_text)
    if table.sha256 != origin["sha256"]:
        raise CorpusError(
            f"{origin_text}: not the text that its manifest describes; delete it to have it anew"
        )
    order, seed = entry["order"], entry["seed"]
    text = sample_text(table, order, seed, entry.get("characters", int(table.counts.sum())))
    source = f"{origin['corpus']}, Markov surrogate of order {order}, seed {seed}"
    alphabet = "".join(sorted(set(table.alphabet) | set(origin["alphabet"] or "")))
    described = {"notice": origin["notice"], "alphabet": alphabet}
    return _store(name, source, [text.encode("utf-8")], text_path, manifest_path, **described)


def generate_chains(name: str, entry: dict[str, Any], text_path: Path, manifest_path: Path) -> dict[str, Any]:
    """Write a text of Markov chains and its manifest, both atomically; return the manifest.

    `entry` is the corpus's entry in the configuration (letters, stretch, seed, characters).
    """
    source = "Markov chains of {letters} letters, {stretch} characters each, seed {seed}".format(**entry)
    text = sample_chains(**entry)
    return _store(name, source, [text.encode("ascii")], text_path, manifest_path)


def _sources(
    entry: dict[str, Any], mirror: Path | None, root: Path
) -> Iterator[tuple[str, Callable[[], AbstractContextManager[Iterator[bytes]]]]]:
    """The sources in order: how each is named, and what opens it or raises _Unreachable."""
    if "file" in entry:
        yield entry["file"], partial(_open_file, root / entry["file"])
    if mirror is not None and "mirror_file" in entry:
        path = mirror / entry["mirror_file"]
        yield str(path), partial(_open_file, root / path)
    for url in entry.get("urls", []):
        yield url, partial(_open_url, url)


@contextmanager
def _open_file(path: Path) -> Iterator[Iterator[bytes]]:
    try:
        file = open_regular(path)
    except OSError as error:
        raise _Unreachable((error.strerror or str(error)).lower()) from None
    with file:
        yield iter(lambda: file.read(CHUNK_BYTES), b"")


@contextmanager
def _open_url(url: str) -> Iterator[Iterator[bytes]]:
    retry = Retry(
        total=4,
        connect=1,
        read=1,
        backoff_factor=BACKOFF_SECONDS,
        status_forcelist=[429, *range(500, 600)],
        # A server may ask to wait for hours.
        respect_retry_after_header=False,
        raise_on_status=False,
    )
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        # Without compression the length announced is that of the file.
        session.headers["Accept-Encoding"] = "identity"
        try:
            response = _within(ANSWER_SECONDS, partial(session.get, url, stream=True, timeout=TIMEOUT))
        except requests.RequestException as error:
            raise _Unreachable(_root_cause(error)) from None
        with response:
            if response.status_code != 200:
                raise _Unreachable(f"HTTP {response.status_code} {response.reason}")
            # None where the server's word is no length.
            announced = response.raw.length_remaining or 0
            yield _watched(iter(lambda: response.raw.read1(CHUNK_BYTES), b""), announced)


def _within(seconds: float, get: Callable[[], requests.Response]) -> requests.Response:
    """What `get` returns or raises; _Unreachable if that takes longer."""
    answers: SimpleQueue[requests.Response | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(get())
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise _Unreachable(f"no whole answer in {seconds:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _watched(body: Iterator[bytes], announced: int) -> Iterator[bytes]:
    """The parts of a download; _Unreachable for one that is too slow or without end. Logs its progress."""
    began = told = time.monotonic()
    size = 0
    for chunk in body:
        yield chunk
        size, now = size + len(chunk), time.monotonic()
        if size > LARGEST_BYTES:
            raise _Unreachable(f"sends more than {LARGEST_BYTES:,} bytes")
        if now - began > PATIENCE_SECONDS and size < SLOWEST_BYTES * (now - began):
            raise _Unreachable(f"sends {size / (now - began):.0f} bytes a second")
        if now - told > PROGRESS_SECONDS:
            told = now
            logger.info("%d%s bytes in %.0f s", size, f" of {announced}" if announced else "", now - began)


def _root_cause(error: BaseException) -> str:
    """The original error inside those that requests and urllib3 wrap around it."""
    while error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    if isinstance(error, MaxRetryError) and error.reason is not None:
        error = error.reason
    words = [part for part in error.args if isinstance(part, str)]
    return words[-1] if words else str(error) or type(error).__name__


def _store(
    name: str,
    source: str,
    body: Iterable[bytes],
    text_path: Path,
    manifest_path: Path,
    expected: str | None = None,
    notice: str | None = None,
    alphabet: str | None = None,
) -> dict[str, Any]:
    """Write the bytes of `body`, checking them on the way, then the manifest, which is returned."""
    sha256, size, broken = hashlib.sha256(), 0, None
    with atomic_write(text_path, "wb") as file:
        try:
            for chunk in body:
                sha256.update(chunk)
                size += file.write(chunk)
        except (requests.RequestException, HTTPError) as error:
            broken = _root_cause(error)[:200]
        found = sha256.hexdigest()
        if broken is not None:
            raise _BrokenOff(
                f"corpus {name}: the transfer from {source} broke off after {size} bytes ({broken}): "
                f"expected sha256 {expected}, found {found}; run again"
            )
        if expected not in (None, found):
            raise CorpusError(
                f"corpus {name}: {source} does not hold the expected text ({size} bytes): expected sha256 "
                f"{expected}, found {found}; replace or remove that source, or, if its text is what you "
                f"want, correct corpora: {name}: sha256 in the configuration"
            )
        # A manifest of an earlier text must not outlive it.
        manifest_path.unlink(missing_ok=True)
    logger.info("corpus %s: %d bytes from %s, sha256 %s", name, size, source, found)
    manifest = {"corpus": name, "source": source, "sha256": found, "bytes": size}
    manifest |= {"stand_in": notice is not None, "notice": notice, "alphabet": alphabet}
    write_json(manifest_path, manifest)
    return manifest


def _make_stand_in(name: str, entry: dict[str, Any], text_path: Path, manifest_path: Path) -> dict[str, Any]:
    table = NgramTable.read(TINY_SHAKESPEARE)
    if entry.get("sha256") != table.sha256:
        raise CorpusError(
            f"corpus {name}: no source could be reached, and its stand_in is for another text, "
            f"{table.corpus}, sha256 {table.sha256}; remove corpora: {name}: stand_in from the configuration"
        )
    stand_in = entry["stand_in"]
    text = sample_text(table, **stand_in)
    notice = (
        f"STAND-IN for {table.corpus}: text sampled from its 4-gram table, because no source could be reached"
    )
    source = f"4-gram table of {table.corpus}, Markov order {stand_in['order']}, seed {stand_in['seed']}"
    described = {"notice": notice, "alphabet": table.alphabet}
    manifest = _store(name, source, [text.encode("utf-8")], text_path, manifest_path, **described)
    logger.warning("%s", notice)
    return manifest
