"""Cali-Sketch: from face photos to human-like sketches, trained nets and metrics."""
