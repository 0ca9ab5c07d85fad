"""From derived tables to states, classes and the trace that shows why."""
