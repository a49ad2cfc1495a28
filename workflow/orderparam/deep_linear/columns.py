"""The tables of the deep linear nets. Apart, so that reading one needs nothing else."""

SWEEP_COLUMNS = ("D", "direction", "kick", "gamma", "s", "b", "steps", "converged")
SUMMARY_COLUMNS = ("quantity", "measured", "reference", "relative_deviation")
