"""Trial designs for few children, and how often each would find an effect of a given size.

``characteristics.simulate_designs`` gives the table; ``find_children_needed`` asks it backwards.
All numbers are invented for planning (``designs.toml``): a group puts in its own.
"""
