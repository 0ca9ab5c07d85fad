"""How the one evaluation is spread over shards of children."""
