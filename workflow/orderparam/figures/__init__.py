"""One module per figure: `draw` takes tables and returns a matplotlib Figure. Imports analysis."""
