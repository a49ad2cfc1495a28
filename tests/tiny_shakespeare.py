"""The real corpus, for tests that need it; they are skipped where it is not there."""

from pathlib import Path

import pytest

SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
PATH = Path(__file__).parents[2] / "shared" / "corpora" / "tiny_shakespeare.txt"

needed = pytest.mark.skipif(not PATH.is_file(), reason=f"Tiny Shakespeare is not at {PATH}")
