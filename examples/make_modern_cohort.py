"""Write the CSV files of ``examples/modern_cohort`` anew; a test keeps them equal to this."""

from __future__ import annotations

from pathlib import Path

from heliotrope.simulate.cohort import simulate_cohort, write_csv

CHILDREN = 30
SEED = 52


def write_modern_cohort(folder: Path) -> None:
    """Write the invented cohort of thirty children into a folder."""
    write_csv(simulate_cohort(CHILDREN, SEED), folder)


if __name__ == "__main__":
    write_modern_cohort(Path(__file__).parent / "modern_cohort")
