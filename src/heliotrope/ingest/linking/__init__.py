"""Several sources of one study: whose records belong together, and which source counts."""
