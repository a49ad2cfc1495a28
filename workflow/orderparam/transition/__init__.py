"""Tests for transitions in measured curves, the same for language models, lattices and linear nets."""
