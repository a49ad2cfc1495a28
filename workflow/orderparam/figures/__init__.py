"""One module per figure: `draw` takes tables, returns a matplotlib Figure. Imports model, analysis,
known_systems.
"""
