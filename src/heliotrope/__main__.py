"""``python -m heliotrope`` is the command ``heliotrope``."""

from __future__ import annotations

from heliotrope.cli import main

if __name__ == "__main__":
    main()
