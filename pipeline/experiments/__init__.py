"""Profiles and families of experiments."""
