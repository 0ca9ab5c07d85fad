"""From canonical records to derived tables: exposure, doses, baselines, changes, scores."""
