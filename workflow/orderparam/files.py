"""Files written atomically and checked when read: text, JSON, sha256."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from orderparam.errors import RecordError


@contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a sibling temporary file that replaces `path` when the block ends without an error.

    Parent folders are created. Text is UTF-8 with newlines as written. After an error nothing is
    left behind and a previous file at `path` stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    text_options: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        with temporary.open(mode, **text_options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder, where it is there; raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Remove temporary files that killed processes left beside `path`, which nobody else may be writing."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.{'?' * 8}"):
        leftover.unlink(missing_ok=True)


def open_regular(path: str | Path, flags: int = 0) -> IO[bytes]:
    """Open a file to read its bytes; OSError for a pipe or a device, which might wait or go on for ever.

    `flags` are further ones of os.open, such as os.O_NOFOLLOW.
    """
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return file


def sha256_of_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: str | Path, value: Any, indent: int | None = 2) -> None:
    """Write `value` as JSON, atomically; non-finite numbers are refused.

    Without indent it is one line, which json.dumps, other than json.dump, writes three times as fast.
    """
    with atomic_write(path) as file:
        file.write(json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | Path, make_object: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Read JSON; raise RecordError, naming the file, when it is missing or damaged.

    `make_object` makes an object of its keys and values, and raises ValueError for what it cannot be.
    """
    try:
        with open_regular(path) as file:
            return json.loads(file.read().decode("utf-8"), object_pairs_hook=make_object)
    except FileNotFoundError:
        raise RecordError(f"{path}: no such file") from None
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}") from None
    # Not JSON, nested too deeply, or a number of too many digits.
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: not valid JSON ({error}); {remedy(path)}") from None


def remedy(path: str | Path) -> str:
    """What to do about a damaged file, as an advice that leads on."""
    parts = Path(path).parts
    if "recorded" in parts:
        return f"restore it from Git: git checkout -- {path}"
    if "checkpoints" in parts:
        # A training's outputs are made together.
        folder = Path(*parts[: parts.index("checkpoints") + 1])
        return f"delete the folder {folder} to have it made anew"
    if "results" in parts:
        return "delete it to have it made anew"
    return "have it made anew by what made it"


def read_regular(path: Path, largest: int) -> bytes:
    """The bytes of a file, RecordError as `check_regular`, also where it became another meanwhile."""
    check_regular(path, largest)
    try:
        with open_regular(path, os.O_NOFOLLOW) as file:
            content = file.read(largest + 1)
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > largest:
        raise RecordError(f"{path}: has more than {largest:,} bytes")
    return content


def check_regular(path: Path, largest: int) -> Path:
    """The path; RecordError unless it is a file, no link, pipe or folder, of `largest` bytes at most."""
    try:
        status = path.lstat()
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        kind = "a link" if stat.S_ISLNK(status.st_mode) else "no regular file"
        raise RecordError(f"{path}: is {kind}; a record takes files only: copy the file there")
    if status.st_size > largest:
        raise RecordError(f"{path}: has {status.st_size:,} bytes, and at most {largest:,} are taken")
    return path
