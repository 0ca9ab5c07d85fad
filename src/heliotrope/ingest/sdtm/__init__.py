"""SDTM datasets (XPT, Dataset-JSON, CSV) of a trial or registry, read into the canonical tables."""

from heliotrope.ingest.sdtm.deliver import deliver
from heliotrope.ingest.sdtm.recognise import recognise

__all__ = ["deliver", "recognise"]
