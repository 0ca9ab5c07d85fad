"""An ADaM-shaped set of a finished run: children, doses, measures, times to event, reactions.

``write_adam(run, rulebook, folder)`` writes it with its derivation book (``definitions/adam``).
"""
