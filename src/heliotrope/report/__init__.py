"""From a run folder to pages people read: charts, tables, words."""
