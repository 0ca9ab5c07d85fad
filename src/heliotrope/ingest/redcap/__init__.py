"""REDCap projects: data exports with their dictionary and events, project XML, and the API."""

from heliotrope.ingest.redcap.deliver import deliver
from heliotrope.ingest.redcap.files import recognise_project as recognise

__all__ = ["deliver", "recognise"]
