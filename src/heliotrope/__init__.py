"""heliotrope: did intravenous immunoglobulin work, for whom, for how long, and why it says so."""

from __future__ import annotations

__version__ = "0.1.0"
