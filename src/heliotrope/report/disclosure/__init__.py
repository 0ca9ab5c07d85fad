"""What leaves a site: results after disclosure control, without a row, date or name of a child.

``share_run`` writes ``RUN/share``; ``control_results`` is the control itself, result rows in and
out; ``choose_suppressed`` decides which counts of one table may not be printed, and
``hide_recoverable`` hides what could still be told from all tables together.
"""
