"""The tables of the transition analysis. Apart, so that reading one needs nothing else."""

# Mean phi of the rows of the susceptibility table that tell of the passage from bigram to trigram level;
# before it, phi varies with the fall from the initial loss.
BETWEEN_LEVELS = (0.0, 1.0)

FALSE_POSITIVES_COLUMNS = (
    "curve",
    "points",
    "noise",
    "autocorrelation",
    "curves",
    "detected",
    "rate",
    "lower",
    "upper",
)
POWER_COLUMNS = (
    "curve",
    "slope_change",
    "points",
    "noise",
    "autocorrelation",
    "curves",
    "detected",
    "rate",
    "lower",
    "upper",
)
TRANSITION_COLUMNS = ("size", "quantity", "value", "lower", "upper", "seeds", "method")
LOSS_SLOPE_COLUMNS = (
    "size",
    "seed",
    "step",
    "order_parameter",
    "train_loss",
    "dloss_dorder",
    "dloss_dorder_error",
    "dloss_dlogstep",
    "dloss_dlogstep_error",
)
SUSCEPTIBILITY_COLUMNS = (
    "size",
    "step",
    "aligned",
    "seeds",
    "mean",
    "variance",
    "variance_lower",
    "variance_upper",
    "susceptibility_width",
    "susceptibility_parameters",
    "binder",
    "binder_lower",
    "binder_upper",
    "bimodality",
    "two_peak_evidence",
)
