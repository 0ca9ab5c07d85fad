"""The comparison of treated with untreated children, from diagnosis on: its parts, in order.

``follow_up``, ``covariates`` and ``person_intervals`` read the records into one row a child and
interval; ``design`` makes columns of it; ``weights`` and ``diagnostics`` balance the decisions and
say how well; ``marginal``, ``trials`` and ``g_formula`` estimate; ``logistic``, ``gee`` and
``resampling`` are what they reckon with; ``comparison`` puts all together, ``result`` and
``weight_rows`` say it. Loaded only where enough children were treated
(``estimate.registry_comparison``).
"""
