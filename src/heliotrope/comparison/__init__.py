"""Definitions over a finished run, side by side; stands above the rooms that it reads."""
