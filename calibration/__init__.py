"""Checks of the estimates by simulation, too long for the tests: `make calibrate` runs them."""
