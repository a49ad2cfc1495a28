"""A text of the user's own: learnt by configuration alone, refused with its place where it is no text."""

from __future__ import annotations

import json
import math
import os
import random
from collections import Counter

import numpy as np
import pytest

WORDS = ["größe", "naïve", "œuvre", "Δelta", "€uro", "漢字", "😀", "the", "and", "of", "to", "a", "in"]


@pytest.fixture
def novel():
    rng = random.Random(5)
    text = " ".join(rng.choice(WORDS) + rng.choice(["", "", ",", ".\r\n", "\u2028"]) for _ in range(1500))
    assert {len(character.encode()) for character in text} == {1, 2, 3, 4}
    return text


def test_an_earlier_file_in_the_place_of_a_text_is_noticed(project, novel):
    source, tokens = project.write("novel.txt", novel), "results/corpora/my_novel/tokens.npy"
    project.add_corpus("my_novel", "novel.txt")
    project.build("--cores", "1", tokens)
    before = (project.root / tokens).read_bytes()
    # Same content at another time is no change.
    os.utime(source)
    assert project.build("-n", tokens).planned() == {}
    source.write_text(novel[::-1], "utf-8")
    os.utime(source, (1.6e9, 1.6e9))
    assert project.build("--cores", "1", tokens).jobs() == {"get_corpus": 1, "tokenize_corpus": 1}
    assert (project.root / tokens).read_bytes() != before


def plug_in_entropy(text: str, order: int) -> float:
    """H(n-th character | the n - 1 before it) as the difference of joint entropies over the n-grams."""
    grams = Counter(text[i : i + order] for i in range(len(text) - order + 1))
    contexts = Counter(text[i : i + order - 1] for i in range(len(text) - order + 1))
    joint, known = (
        -sum(count / counts.total() * math.log(count / counts.total()) for count in counts.values())
        for counts in (grams, contexts)
    )
    return joint - known


def test_an_own_text_is_a_corpus_by_configuration_alone(project, novel):
    source = project.root.parent / "my novel.txt"
    source.write_bytes(novel.encode("utf-8"))
    project.add_corpus("my_novel", '"../my novel.txt"')
    project.write_experiment("mine", corpus="my_novel")
    done = project.build(
        "--cores",
        "2",
        "results/mine/metrics.csv",
        "results/mine/figures/fig3_loss_vs_steps.svg",
        "results/corpora/my_novel/ngram_entropies.csv",
    )
    assert done.jobs()["train_model"] == 1
    folder = "results/corpora/my_novel"
    assert (project.root / folder / "corpus.txt").read_bytes() == source.read_bytes()
    vocabulary = json.loads(project.read(f"{folder}/vocabulary.json"))
    assert vocabulary["characters"] == sorted(set(novel))
    assert (vocabulary["tokens"], vocabulary["train_tokens"]) == (len(novel), int(0.9 * len(novel)))
    tokens = np.load(project.root / folder / "tokens.npy")
    assert tokens.dtype == np.uint8
    assert "".join(vocabulary["characters"][token] for token in tokens) == novel
    train = novel[: int(0.9 * len(novel))]
    table = project.rows(f"{folder}/ngram_entropies.csv")
    entropies = {int(row["order"]): float(row["train_entropy"]) for row in table}
    for order in (1, 2, 3):
        assert entropies[order] == pytest.approx(plug_in_entropy(train, order), rel=1e-9, abs=1e-12)
    rows = project.rows("results/mine/metrics.csv")
    assert (rows[0]["step"], rows[-1]["step"]) == ("0", "20")
    assert float(rows[0]["train_loss"]) == pytest.approx(math.log(len(vocabulary["characters"])), rel=0.1)

    # A later time alone changes nothing; another text changes all that came of it.
    target = ("-n", "results/mine/metrics.csv")
    os.utime(source)
    assert project.build(*target).planned() == {}
    source.write_bytes(novel.replace("größe", "GRÖSSE").encode("utf-8"))
    assert project.build(*target).planned() == {
        rule: 1
        for rule in ("get_corpus", "tokenize_corpus", "train_model", "verify_checkpoints", "collect_metrics")
    }


def test_bad_texts_are_refused_by_name_and_place_and_leave_nothing(project):
    texts = {
        "invalid": b"first line\nsecond \xff line\n" + b"more text\n" * 40,
        "cut": b"ends inside a character " * 20 + "é".encode()[:1],
        "nul": b"a\nb\nc\0d\n" + b"more text\n" * 40,
        "empty": b"",
        "short": b"abcdefghij" * 8,
    }
    for name, content in texts.items():
        (project.root.parent / f"{name}.txt").write_bytes(content)
    for name in [*texts, "missing"]:
        project.add_corpus(name, f"../{name}.txt")
        project.write_experiment(f"of-{name}", corpus=name)
    done = project.snakemake(
        "--keep-going", "--cores", "2", *(f"results/of-{name}/metrics.csv" for name in [*texts, "missing"])
    )
    assert done.status != 0
    assert done.jobs() == {}
    for words in (
        ("invalid.txt: invalid UTF-8", "at byte 18 (counted from 0), line 2"),
        ("cut.txt: invalid UTF-8", "at byte 480 (counted from 0), line 1"),
        ("nul.txt: a NUL character", "at byte 5 (counted from 0), line 3"),
        ("empty.txt: the file is empty",),
        ("short.txt: its validation split has 8 tokens, but a context of 8 needs at least 9",),
        ("corpus missing: its file", "missing.txt cannot be read: No such file or directory"),
    ):
        assert any(all(word in line for word in words) for line in done.told.splitlines()), words
    assert "Traceback (most recent" not in done.output
    # All is told before the first job.
    assert not (project.results / "corpora").exists()
    for name in [*texts, "missing"]:
        assert not project.files(f"results/of-{name}/runs")
        assert not (project.results / f"of-{name}/metrics.csv").exists()


def test_a_surrogate_follows_the_text_that_it_is_sampled_from(project, novel):
    (project.root.parent / "novel.txt").write_text(novel, "utf-8", newline="")
    project.add_corpus("novel", "../novel.txt")
    entry = "{surrogate_of: novel, order: 2, seed: 1, characters: 3000}"
    project.replace("config/config.yaml", "  novel:", f"  copy: {entry}\n  novel:")
    target = "results/corpora/copy/ngram_entropies.csv"
    done = project.build("--cores", "2", target)
    # The novel and its surrogate.
    jobs = {"get_corpus": 2, "tokenize_corpus": 1, "count_ngrams": 1}
    assert done.jobs() == jobs
    vocabulary = json.loads(project.read("results/corpora/copy/vocabulary.json"))
    assert vocabulary["characters"] == sorted(set(novel))
    assert vocabulary["tokens"] == 3000
    assert vocabulary["source"] == "novel, Markov surrogate of order 2, seed 1"
    assert project.build("-n", target).planned() == {}
    (project.root.parent / "novel.txt").write_text(novel[::-1], "utf-8", newline="")
    assert project.build("-n", target).planned() == jobs
