"""Make JAX ready: double precision, and compiled code kept from run to run.

Compiled code is kept in ``heliotrope/jax`` under the user's cache folder (``XDG_CACHE_HOME``, else
``~/.cache``; on Windows ``LOCALAPPDATA``). ``HELIOTROPE_JAX_CACHE`` names another folder, or is
``off``. A folder that cannot be written only costs the time to compile anew.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

CACHE_VARIABLE = "HELIOTROPE_JAX_CACHE"

_OFF = "off"


def find_cache() -> Path | None:
    """Return the folder for compiled code, none when it is switched off."""
    chosen = os.environ.get(CACHE_VARIABLE, "")
    if chosen == _OFF:
        return None
    if chosen:
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(home) if home else Path.home() / ".cache") / "heliotrope" / "jax"


def prepare_jax() -> None:
    """Switch on double precision and the cache; ImportError where JAX is not installed."""
    import jax

    config: Any = jax.config
    config.update("jax_enable_x64", True)
    if config.jax_compilation_cache_dir:
        return
    try:
        folder = find_cache()
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return
    config.update("jax_compilation_cache_dir", str(folder))
    config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
