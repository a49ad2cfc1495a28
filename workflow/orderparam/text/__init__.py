"""Corpora: fetched, tokenized, counted, sampled as surrogates, without PyTorch. Imports settings."""
