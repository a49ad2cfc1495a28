"""Whatever might be found in a file: values of JSON, and bytes somewhere."""

import os
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

MANY = settings(
    max_examples=int(os.environ.get("EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.lists(st.integers(0, 40), max_size=3)


def with_value(content: Any, keys: list[int], value: Any) -> Any:
    """The content with another value at the place that these numbers lead to; without any, the value."""
    if not keys or not isinstance(content, dict | list) or not content:
        return value
    places = list(content) if isinstance(content, dict) else range(len(content))
    place = places[keys[0] % len(places)]
    content[place] = with_value(content[place], keys[1:], value)
    return content


def spoil(path: Path, at: int, new: bytes, cut: bool = False) -> bytes:
    """Overwrite some bytes, and leave out those that follow with `cut`; returns what was there."""
    original = path.read_bytes()
    at %= len(original)
    path.write_bytes(original[:at] + new + (b"" if cut else original[at + len(new) :]))
    return original
