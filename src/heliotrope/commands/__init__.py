"""The commands, by what a person does with them; ``heliotrope.cli`` puts them together."""
