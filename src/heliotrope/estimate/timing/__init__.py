"""When improvement comes: within an infusion cycle, and for the first time."""
