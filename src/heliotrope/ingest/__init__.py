"""From a clinic's files to canonical records: nothing lost, nothing guessed in silence."""

from heliotrope.ingest.ingested import Accounting, Ingested, Reading
from heliotrope.ingest.read import read_records

__all__ = ["Accounting", "Ingested", "Reading", "read_records"]
