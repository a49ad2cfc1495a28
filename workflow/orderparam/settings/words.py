"""Values, keys and names in the words of messages to users."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from orderparam.errors import ConfigError

Name = TypeVar("Name", str, int)
Item = TypeVar("Item")
Place = tuple[str | int, ...]


def show(value: Any) -> str:
    """A value as YAML would have it, on one line, cut at 80 characters."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    if isinstance(value, dict):
        return f"a section ({', '.join(map(_show_name, value))})" if value else "an empty section"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def show_place(place: Place) -> str:
    """A key path as users write it: sizes.10K.d_model, training.betas[1]."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + _show_name(part)
    return text


def _show_name(name: Any) -> str:
    """The name itself where it is a plain one."""
    return str(name) if re.fullmatch(r"[\w.-]{1,80}", str(name)) else show(name)


def show_path(path: str) -> str:
    """A path whose last part is quoted where it has characters that cannot be printed."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + (name if name.isprintable() else show(name))


def closest(name: object, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    close = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def suggest(name: str, known: Iterable[str]) -> str:
    """The known names, and the one that was probably meant."""
    known = list(known)
    close = closest(name, known)
    return f"{f'did you mean {close}? ' if close else ''}known here: {', '.join(known) or 'none'}"


def find(lacking: str, name: Name, known: Mapping[Name, Item]) -> Item:
    """What `known` has under a name; ConfigError if it has none: `lacking`, the name, and the known ones."""
    if name not in known:
        raise ConfigError(f"{lacking} {show(name)}; {suggest(str(name), map(str, known))}")
    return known[name]


def join_alternatives(names: Iterable[str]) -> str:
    """Names as in "a, b or c"."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
