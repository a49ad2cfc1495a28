"""Corpora: fetched, tokenized, counted, sampled as surrogates. Imports settings; no PyTorch."""
