"""Keep compiled templates where Python keeps compiled modules, so that they are compiled once."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from tempfile import NamedTemporaryFile

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class CompiledTemplates(BytecodeCache):
    """Compiled templates, in ``__pycache__`` beside them (or under ``PYTHONPYCACHEPREFIX``).

    A template that changed is compiled anew (Jinja compares a checksum of its text). Where the
    folder cannot be written, or Python was told to write no bytecode, nothing is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket with what was kept, if it is still that of this text."""
        with suppress(OSError), self._find(bucket).open("rb") as file:
            bucket.load_bytecode(file)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a compiled template; whole or not at all, since others may be reading."""
        if sys.dont_write_bytecode:
            return
        path = self._find(bucket)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=path.parent, delete=False) as file:
                bucket.write_bytecode(file)
            Path(file.name).replace(path)

    def _find(self, bucket: Bucket) -> Path:
        return Path(cache_from_source(str(self._folder / f"{bucket.key}.py")))
