"""Charts as Vega-Lite specifications, drawn statically for paper and small screens."""
