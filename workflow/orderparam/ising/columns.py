"""The tables of the Ising and Potts models. Apart, so that reading one needs nothing else.

Temperatures are with k_B = 1.
"""

POINT_COLUMNS = ("system", "length", "temperature", "field", "algorithm")
OBSERVABLE_COLUMNS = (
    *POINT_COLUMNS,
    "sites",
    "samples",
    "autocorrelation_time",
    "observable",
    "value",
    "error",
)
VALIDATION_COLUMNS = (*POINT_COLUMNS, "observable", "value", "error", "exact", "source", "z")
SUMMARY_COLUMNS = (
    "system",
    "observable",
    "count",
    "root_mean_square_z",
    "largest_z",
    "bonferroni_z",
    "beyond_3",
    "expected_beyond_3",
    "p_value",
    "agrees",
)
CRITICAL_COLUMNS = (
    "system",
    "estimate",
    "length",
    "double_length",
    "temperature",
    "error",
    "binder_cumulant",
    "p_value",
    "reference",
    "relative_deviation",
)
EXACT_COLUMNS = ("system", "length", "observable", "temperature", "value", "source")
HISTOGRAM_COLUMNS = ("states", "length", "energy", "density", "ordered_energy", "disordered_energy")
PHASE_COLUMNS = (
    "states",
    "length",
    "temperature",
    "samples",
    "passages",
    "phase",
    "peak_energy",
    "exact_energy",
    "valley_to_peak",
)
SNAPSHOT_COLUMNS = ("temperature", "row", "column", "spin")
