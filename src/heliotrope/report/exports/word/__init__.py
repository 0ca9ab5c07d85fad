"""The parts of a case series as a Word document: tables, methods, checklist, ready to be edited."""
