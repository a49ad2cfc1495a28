"""The one error that users are meant to read: what was wrong, where, and what to do."""


class OrderParameterError(Exception):
    """A failure whose message is complete without a traceback."""


class ConfigError(OrderParameterError):
    """The configuration is invalid; the message lists every problem found."""


class CorpusError(OrderParameterError):
    """A corpus cannot be fetched, read or tokenized."""


class RecordError(OrderParameterError):
    """A table or manifest on disk is missing, damaged or not of the expected shape."""


class TrainingError(OrderParameterError):
    """Training cannot start or cannot go on."""


class StatisticsError(OrderParameterError):
    """A time series is too short, or not of finite numbers, for an estimate with an error."""


class LatticeError(OrderParameterError):
    """A lattice model cannot be simulated or solved as asked."""
