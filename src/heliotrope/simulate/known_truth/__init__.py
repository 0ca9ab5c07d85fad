"""Cohorts whose true effect of immunoglobulin is known, to test what an analysis finds in them.

Unlike ``simulate.cohort``, which invents plausible charts, these children follow the pulse model
of the manual, or one named mechanism that the model does not assume.
"""
