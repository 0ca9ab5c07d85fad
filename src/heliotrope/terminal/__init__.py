"""How things look in a terminal: progress, tables, messages. Decides nothing."""
