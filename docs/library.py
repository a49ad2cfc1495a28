"""The library without the workflow: train a small model on a text, measure it, plot its loss against b.

python docs/library.py TEXT FOLDER
"""

import sys
from pathlib import Path

from orderparam.figures import fig4_loss_vs_order_parameter as fig4
from orderparam.figures.style import save_figure
from orderparam.settings.experiment import Run, Seeds
from orderparam.text.corpus import fetch_corpus
from orderparam.text.ngrams import ngram_entropies
from orderparam.text.vocabulary import load_tokens, tokenize_corpus
from orderparam.training.job import JobPaths, train_job

text, folder = sys.argv[1], Path(sys.argv[2])
corpus, tokens, vocabulary = (folder / name for name in ("corpus.txt", "tokens.npy", "vocabulary.json"))
folder.mkdir(parents=True, exist_ok=True)
manifest = fetch_corpus("mine", {"file": text}, None, corpus, folder / "corpus.json", Path.cwd())
characters = tokenize_corpus(corpus, manifest, tokens, vocabulary)["characters"]
shape = {"d_model": 32, "n_head": 2, "n_layer": 1, "context": 32, "batch_size": 16}
schedule = {"steps": 400, "measure_every": 20, "train_windows": 64, "val_windows": 64, "learning_rate": 3e-3}
run = Run(experiment="mine", size="small", corpus="mine", **shape, **schedule)
metrics = train_job(run, [Seeds(1, 1, 1, 1)], tokens, vocabulary, JobPaths.below(folder))
print(metrics[["step", "order_parameter", "train_loss", "val_loss"]].to_string(index=False))
entropies = ngram_entropies(*load_tokens(tokens, vocabulary), len(characters))
save_figure(fig4.draw(entropies, metrics), folder / "figure.svg", folder / "figure.png")
