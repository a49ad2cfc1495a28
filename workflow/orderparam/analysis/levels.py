"""What several parts of the analysis share. Apart, so that a figure can import it without the rest."""

# Mean phi of the rows of the susceptibility table that tell of the passage from bigram to trigram level;
# before it, phi varies with the fall from the initial loss.
BETWEEN_LEVELS = (0.0, 1.0)
