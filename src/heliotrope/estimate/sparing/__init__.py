"""Steroid and immunosuppressant sparing: described first, then estimated where it can be.

``describe`` needs no model: slopes of the dose, the published rule of a cut that lasted, drugs
stopped for good. ``estimate`` asks whether the dose was set by measured activity or by the
calendar, and only in the first case simulates each child forward under the IVIG it had and under
none (parametric g-formula). The word *spared* belongs to that estimate alone.
"""
