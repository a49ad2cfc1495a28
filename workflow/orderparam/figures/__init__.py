"""One module per figure: `draw` takes tables and returns a matplotlib Figure, `save_figure` writes it."""
