"""Discriminators, and what is done to what they see."""
