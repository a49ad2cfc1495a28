"""The one error that users are meant to read: what was wrong, where, and what to do."""

import errno
import textwrap


class OrderParameterError(Exception):
    """A failure whose message is complete without a traceback."""


def explain_shortage(error: BaseException) -> str | None:
    """One line for an error that says what the machine lacks, or what is in the way; None for any other."""
    message = str(error)
    # A library's own message may fill the line, which ends on what to do.
    text = textwrap.shorten(message.strip().partition("\n")[0], 90, placeholder=" ...")
    number = getattr(error, "errno", None)
    again = "and give the same command again"
    if number in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in message:
        return f"the disk is full ({text}); free some space {again}"
    if number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"not allowed to write or read there ({text}); correct the rights {again}"
    if number in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST):
        where = getattr(error, "filename", None) or text
        return (
            f"{where}: a folder in the place of a file, or a file in that of a folder; move it away {again}"
        )
    if number == errno.EFBIG or "File too large" in message:
        return f"no file may be so large here ({text}); raise the limit (ulimit -f) {again}"
    if number in (errno.EMFILE, errno.ENFILE) or "Too many open files" in message:
        return f"too many open files ({text}); raise the limit (ulimit -n) {again}"
    if number == errno.EAGAIN or "can't start new thread" in message:
        return f"too many processes or threads ({text}); run fewer jobs, or raise the limit (ulimit -u)"
    if isinstance(error, MemoryError) or "out of memory" in message or "can't allocate memory" in message:
        return f"too little memory ({text or 'MemoryError'}); run fewer jobs at once, or a smaller batch_size"
    return None


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
