"""The sections of the report, one module each: build_* makes a section of a run."""
