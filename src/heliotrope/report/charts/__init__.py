"""Charts as Vega-Lite specifications, and the static drawing of them for paper and small screens."""
