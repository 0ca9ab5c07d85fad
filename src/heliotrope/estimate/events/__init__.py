"""What happens when, and how often: competing events, repeated flares, clustered reactions."""
