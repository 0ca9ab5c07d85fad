"""The figures of a cohort for a journal: the charts of the report, in the sizes of its columns."""
