"""Fetching, against files and against real HTTP servers on loopback."""

import hashlib
import logging
import os
import random
import re
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from orderparam.errors import CorpusError
from orderparam.files import read_json
from orderparam.text import corpus
from orderparam.text.corpus import fetch_corpus, generate_chains, generate_surrogate
from orderparam.text.surrogate import TINY_SHAKESPEARE, NgramTable, sample_chains
from orderparam.text.vocabulary import tokenize_corpus

CONTENT = "To be,\r\nor not to be: thät is.\n".encode() * 100
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """An HTTP server that sends `replies` one after the other, and the last one for ever.

    A reply is (status, body, length announced or None for the body's own). A body may be a function that
    yields its parts, which are sent until nobody listens, without a length.
    """

    def __init__(self, *replies):
        self.requests = []
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, body, length = replies[min(len(served.requests), len(replies) - 1)]
                served.requests.append(self.path)
                self.send_response(status)
                if not callable(body):
                    self.send_header("Content-Length", str(len(body) if length is None else length))
                self.end_headers()
                with suppress(OSError):
                    for piece in body() if callable(body) else [body]:
                        self.wfile.write(piece)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/text.txt"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture(autouse=True)
def direct_connections(monkeypatch):
    """No proxy on the way to loopback, and no long waits between attempts."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(corpus, "BACKOFF_SECONDS", 0.01)


@pytest.fixture
def fetch(tmp_path):
    """Fetch `entry` as the corpus `play` into tmp_path/out."""

    def run(entry, mirror=None):
        out = tmp_path / "out"
        return fetch_corpus("play", entry, mirror, out / "corpus.txt", out / "corpus.json", tmp_path)

    return run


@pytest.fixture
def refused():
    """A URL at which nothing listens: its port is bound, so nobody else takes it, but not listened on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/text.txt"


def out_files(tmp_path):
    out = tmp_path / "out"
    return sorted(path.name for path in out.iterdir()) if out.exists() else []


def stand_in_entry(**others):
    entry = {"sha256": NgramTable.read(TINY_SHAKESPEARE).sha256}
    return entry | {"stand_in": {"order": 3, "seed": 1337, "characters": 2_000}} | others


def test_download(fetch, tmp_path):
    with Server((200, CONTENT, None)) as server:
        manifest = fetch({"urls": [server.url], "sha256": SHA256})
    described = {"corpus": "play", "source": server.url, "sha256": SHA256, "bytes": len(CONTENT)}
    assert manifest == described | {"stand_in": False, "notice": None, "alphabet": None}
    assert read_json(tmp_path / "out" / "corpus.json") == manifest
    assert (tmp_path / "out" / "corpus.txt").read_bytes() == CONTENT
    assert out_files(tmp_path) == ["corpus.json", "corpus.txt"]
    assert server.requests == ["/text.txt"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_trouble_is_tried_again(fetch, tmp_path, status):
    with Server((status, b"later", None), (status, b"later", None), (200, CONTENT, None)) as server:
        fetch({"urls": [server.url], "sha256": SHA256})
    assert len(server.requests) == 3
    assert (tmp_path / "out" / "corpus.txt").read_bytes() == CONTENT


def test_mirror_comes_first_and_an_absent_source_leads_to_the_next(fetch, tmp_path, refused):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "play.txt").write_bytes(CONTENT)
    with Server((404, b"", None)) as missing, Server((200, CONTENT, None)) as server:
        urls = [refused, missing.url, server.url]
        entry = {"mirror_file": "play.txt", "sha256": SHA256, "urls": urls}
        # A relative mirror folder is relative to the root, and is recorded as it was given.
        assert fetch(entry, mirror=Path("mirror"))["source"] == "mirror/play.txt"
        assert server.requests == []
        assert fetch(entry, mirror=tmp_path / "none")["source"] == server.url


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ((200, CONTENT[:-1], None), "does not hold .*expected sha256 {0}, found {1}; replace or remove"),
        ((200, CONTENT[:1_000], len(CONTENT)), r"broke off after \d+ bytes \(Conn.*expected sha256 {0}"),
    ],
    ids=["wrong", "cut off"],
)
def test_wrong_bytes_never_lead_to_another_source(fetch, tmp_path, reply, message):
    with Server(reply) as bad, Server((200, CONTENT, None)) as good:
        expected = bad.url + " " + message.format(SHA256, hashlib.sha256(reply[1]).hexdigest())
        with pytest.raises(CorpusError, match=expected):
            fetch(stand_in_entry(urls=[bad.url, good.url], sha256=SHA256))
        (tmp_path / "play.txt").write_bytes(b"another play")
        with pytest.raises(CorpusError, match=rf"{tmp_path}/play\.txt does not hold .*{SHA256}"):
            fetch({"mirror_file": "play.txt", "urls": [good.url], "sha256": SHA256}, mirror=tmp_path)
        assert good.requests == []
        # Wrong bytes stay wrong, and what broke off may not do so again.
        assert len(bad.requests) == (1 if "does not hold" in message else corpus.ATTEMPTS)
    assert out_files(tmp_path) == []


@pytest.mark.parametrize(
    ("length", "message"),
    [
        (-5, None),
        ("many", None),
        ("9" * 5000, None),
        (len(CONTENT) + 1, r"broke off after \d+ bytes"),
        ("9" * 4000, r"broke off after \d+ bytes \([^)]{1,200}\)"),
        (10, r"does not hold the expected text \(10 bytes\)"),
        (0, r"does not hold the expected text \(0 bytes\)"),
        ("5, 6", "no source could be reached:\n.*multiple unmatching values"),
    ],
    ids=["negative", "a word", "no number", "too large", "absurd", "too small", "none", "several"],
)
def test_what_a_server_says_of_the_length_is_not_believed(fetch, tmp_path, length, message):
    with Server((200, CONTENT, length)) as server:
        entry = {"urls": [server.url], "sha256": SHA256}
        if message is None:
            assert fetch(entry)["bytes"] == len(CONTENT)
        else:
            with pytest.raises(CorpusError, match=message):
                fetch(entry)
            assert out_files(tmp_path) == []


def test_a_transfer_that_broke_off_is_tried_again(fetch, tmp_path):
    with Server((200, CONTENT[:1_000], len(CONTENT)), (200, CONTENT, None)) as server:
        fetch({"urls": [server.url], "sha256": SHA256})
    assert (tmp_path / "out" / "corpus.txt").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("pause", "piece", "reason"),
    [(0.1, b"x", r"sends \d+ bytes a second"), (0, b"x" * 65_536, "sends more than 3,000,000 bytes")],
    ids=["a byte at a time", "without end"],
)
def test_a_source_that_never_ends_leads_to_the_next(
    fetch, tmp_path, monkeypatch, caplog, pause, piece, reason
):
    monkeypatch.setattr(corpus, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(corpus, "PROGRESS_SECONDS", 0.2)
    monkeypatch.setattr(corpus, "LARGEST_BYTES", 3_000_000)
    caplog.set_level("INFO")
    stopped = threading.Event()

    def drip():
        while not stopped.wait(pause):
            yield piece

    try:
        with Server((200, drip, None)) as endless, Server((200, CONTENT, None)) as good:
            fetch({"urls": [endless.url, good.url], "sha256": SHA256})
            stopped.set()
    finally:
        stopped.set()
    assert re.search(f"{endless.url} not reached: {reason}", caplog.text)
    assert pause == 0 or re.search(r"\d+ bytes in \d+ s", caplog.text)
    assert (tmp_path / "out" / "corpus.txt").read_bytes() == CONTENT
    assert out_files(tmp_path) == ["corpus.json", "corpus.txt"]


def test_an_answer_whose_head_never_ends_leads_to_the_next(fetch, monkeypatch, caplog):
    monkeypatch.setattr(corpus, "ANSWER_SECONDS", 0.5)
    caplog.set_level("INFO")
    with socket.create_server(("127.0.0.1", 0)) as listener, Server((200, CONTENT, None)) as good:

        def drip():
            with suppress(OSError):
                connection, _ = listener.accept()
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while True:
                    connection.sendall(b"x")
                    time.sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        slow = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert fetch({"urls": [slow, good.url], "sha256": SHA256})["source"] == good.url
    assert f"{slow} not reached: no whole answer in 0.5 s" in caplog.text


def test_failure_leaves_the_earlier_text(fetch, tmp_path):
    with Server((200, CONTENT, None)) as server:
        fetch({"urls": [server.url], "sha256": SHA256})
        with pytest.raises(CorpusError):
            fetch({"urls": [server.url], "sha256": "0" * 64})
    assert (tmp_path / "out" / "corpus.txt").read_bytes() == CONTENT
    assert read_json(tmp_path / "out" / "corpus.json")["sha256"] == SHA256
    assert out_files(tmp_path) == ["corpus.json", "corpus.txt"]


def test_unreachable_sources_are_listed_with_their_reasons(fetch, tmp_path, refused):
    with Server((404, b"", None)) as missing, Server((503, b"", None)) as busy:
        entry = {"mirror_file": "play.txt", "urls": [refused, missing.url, busy.url], "sha256": SHA256}
        with pytest.raises(CorpusError) as caught:
            fetch(entry, mirror=tmp_path / "mirror")
    first, mirror, *urls, advice = str(caught.value).splitlines()
    assert first == "corpus play: no source could be reached:"
    assert mirror == f"  {tmp_path}/mirror/play.txt: no such file or directory"
    assert urls[0].startswith(f"  {refused}: ") and "refused" in urls[0]
    assert urls[1:] == [
        f"  {missing.url}: HTTP 404 Not Found",
        f"  {busy.url}: HTTP 503 Service Unavailable",
    ]
    assert f"Place the file in the mirror folder {tmp_path}/mirror as play.txt" in advice
    assert "corpus_mirror" in advice
    assert out_files(tmp_path) == []


def test_stand_in_says_so(fetch, tmp_path, refused, caplog):
    caplog.set_level(logging.INFO)
    manifest = fetch(stand_in_entry(mirror_file="t.txt", urls=[refused]), mirror=tmp_path)
    assert manifest["stand_in"] is True
    assert manifest["notice"] == (
        "STAND-IN for tiny_shakespeare: text sampled from its 4-gram table, because no source could be "
        "reached"
    )
    assert caplog.records[-1].levelno == logging.WARNING
    assert caplog.records[-1].getMessage() == manifest["notice"]
    assert f"{refused} not reached" in caplog.text
    text = (tmp_path / "out" / "corpus.txt").read_bytes()
    assert len(text) == manifest["bytes"] == 2_000
    assert hashlib.sha256(text).hexdigest() == manifest["sha256"]
    assert read_json(tmp_path / "out" / "corpus.json") == manifest
    # Rare characters that the sample lacks stay in the vocabulary.
    assert len(set(text.decode("ascii"))) < 65
    out = tmp_path / "out"
    record = tokenize_corpus(out / "corpus.txt", manifest, out / "tokens.npy", out / "vocabulary.json")
    assert len(record["characters"]) == 65


def test_there_is_no_stand_in_for_another_text(fetch, tmp_path, refused):
    with pytest.raises(CorpusError, match="stand_in is for another text, tiny_shakespeare"):
        fetch(stand_in_entry(urls=[refused], sha256=SHA256))
    assert out_files(tmp_path) == []


def test_own_file_is_copied_as_it_is(fetch, tmp_path):
    (tmp_path / "novel.txt").write_bytes(CONTENT)
    manifest = fetch({"file": "novel.txt"})
    assert (manifest["source"], manifest["sha256"], manifest["stand_in"]) == ("novel.txt", SHA256, False)
    assert (tmp_path / "out" / "corpus.txt").read_bytes() == CONTENT
    assert fetch({"file": str(tmp_path / "novel.txt"), "sha256": SHA256})["sha256"] == SHA256


def test_own_file_must_be_there_and_match(fetch, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    whats = (
        ("novel.txt", "no such file"),
        (".", "is a directory"),
        ("pipe", "no regular"),
        ("/dev/zero", "no"),
    )
    for file, reason in whats:
        with pytest.raises(CorpusError, match=f"play: its file .* cannot be read: {reason}"):
            fetch({"file": file})
    (tmp_path / "novel.txt").write_bytes(b"changed")
    with pytest.raises(CorpusError, match=rf"novel\.txt does not hold .*expected sha256 {SHA256}"):
        fetch({"file": "novel.txt", "sha256": SHA256})
    assert out_files(tmp_path) == []


@pytest.fixture
def surrogate(fetch, tmp_path):
    """Call `generate_surrogate` for the corpus `copy`, of a text that `fetch` got."""
    source = "".join(random.Random(3).choices("aabcd\n", k=5_000)) + "ü"
    (tmp_path / "novel.txt").write_text(source, encoding="utf-8")
    origin = fetch({"file": "novel.txt"})

    def call(**entry):
        paths = (tmp_path / "copy.txt", tmp_path / "copy.json")
        entry = {"surrogate_of": "play", "seed": 1} | entry
        manifest = generate_surrogate("copy", entry, tmp_path / "out" / "corpus.txt", origin, *paths)
        return manifest, paths[0].read_text(encoding="utf-8")

    return call


@pytest.mark.parametrize("order", [1, 2, 3])
def test_surrogate_is_as_long_as_its_origin_and_has_its_statistics_alone(surrogate, tmp_path, order):
    manifest, text = surrogate(order=order)
    assert len(text) == 5_001
    assert manifest["sha256"] == hashlib.sha256(text.encode("utf-8")).hexdigest()
    assert read_json(tmp_path / "copy.json") == manifest
    assert manifest["source"] == f"play, Markov surrogate of order {order}, seed 1"
    assert (manifest["stand_in"], manifest["notice"]) == (False, None)
    assert manifest["alphabet"] == "\nabcdü"
    source = (tmp_path / "novel.txt").read_text(encoding="utf-8")
    circular = source + source[:order]
    known = {circular[i : i + order + 1] for i in range(len(source))}
    assert {text[i : i + order + 1] for i in range(len(text) - order)} <= known
    # The next longer n-grams are not kept: most that are new would be in a copy of the text.
    longer = {text[i : i + 8] for i in range(len(text) - 8)}
    assert len(longer - {circular[i : i + 8] for i in range(len(source))}) > len(longer) / 2


def test_surrogate_can_be_shorter_and_depends_on_its_seed(surrogate):
    assert len(surrogate(order=1, characters=7)[1]) == 7
    assert surrogate(order=1)[1] == surrogate(order=1)[1] != surrogate(order=1, seed=2)[1]


def test_surrogate_of_a_text_that_its_manifest_does_not_describe(surrogate, tmp_path):
    (tmp_path / "out" / "corpus.txt").write_text("another text")
    with pytest.raises(CorpusError, match="not the text that its manifest describes"):
        surrogate(order=1)
    assert not (tmp_path / "copy.txt").exists()


def test_chains_are_described(tmp_path):
    entry = {"letters": 3, "stretch": 10, "seed": 1, "characters": 25}
    manifest = generate_chains("chains", entry, tmp_path / "corpus.txt", tmp_path / "corpus.json")
    assert (tmp_path / "corpus.txt").read_text() == sample_chains(**entry)
    assert read_json(tmp_path / "corpus.json") == manifest
    assert manifest["source"] == "Markov chains of 3 letters, 10 characters each, seed 1"
