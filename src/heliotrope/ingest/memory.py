"""Refuse a file that is held whole where it cannot fit, before it is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from heliotrope.errors import ExitCode, Found, UserError

# Bytes of memory for a byte of a table of text that is held whole, with its records and the way
# back to its cells. benchmarks/read_large.py measures 20 to 30; so few are never enough.
LEAST_FOR_A_BYTE = 8

# A file under this size is not worth a look.
_SMALL = 64 << 20


def check_memory(size: int, name: str) -> None:
    """Stop before a table is read that this process has no memory for.

    Tables of text and REDCap exports are held whole: every row is used. Where the memory that is
    free cannot be told nothing is refused. Errors: too little memory: UserError.
    """
    if size < _SMALL:
        return
    free = min(_list_limits(), default=None)
    needed = size * LEAST_FOR_A_BYTE
    if free is None or needed <= free:
        return
    raise UserError(
        f"at least {needed / 2**30:.1f} GiB of memory for a table of {size / 2**30:.1f} GiB, whose "
        "rows are all held",
        Found(f"{free / 2**30:.1f} GiB free", name),
        "use a machine with more memory, part the table by children into several studies and pool "
        "them, or leave out what the study does not use",
        ExitCode.ENVIRONMENT,
    )


def _list_limits() -> Iterator[int]:
    """Give the memory that is free here by each limit that can be read."""
    info = Path("/proc/meminfo")
    if info.exists():
        for line in info.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024
    group = Path("/sys/fs/cgroup")
    try:
        allowed = (group / "memory.max").read_text(encoding="ascii").strip()
        used = (group / "memory.current").read_text(encoding="ascii").strip()
    except OSError:
        allowed = "max"
    if allowed != "max":
        yield int(allowed) - int(used)
    try:
        import resource
    except ImportError:  # not on Windows
        return
    for limit in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        soft, _ = resource.getrlimit(limit)
        if soft != resource.RLIM_INFINITY:
            yield soft
