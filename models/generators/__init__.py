"""Generators of the SCN and of the ISN."""
