"""How well the pulse model finds what is true: thousands of fits to cohorts of known truth.

Scripts behind ``make calibrate``. They import numpy, JAX and pydantic only, so that they also run
where nothing else of the program is installed; results are JSON files, from which ``report``
writes the dated reports.
"""
