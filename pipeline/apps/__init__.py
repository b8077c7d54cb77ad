"""The commands on pictures."""
