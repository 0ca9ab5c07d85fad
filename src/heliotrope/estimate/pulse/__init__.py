"""The pulse model: how quick, how large and how lasting the effect of an infusion is.

Nothing here is imported by a run that does not ask for the model; it needs the extra ``model``
(JAX and NumPyro). Day 0 is a child's first infusion of the regimen; the latent activity of a child
rises and falls with natural fluctuation, steroid and other drugs, and each infusion takes a pulse
of one common shape off it, beside a persistent part that grows with the courses given.
"""
