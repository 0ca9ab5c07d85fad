"""What leaves a run for other programs and for a journal: tables, trace, a manuscript's parts."""
