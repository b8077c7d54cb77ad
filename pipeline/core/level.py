"""How far strokes may leave the drawing: DeepPS's level of refinement (Yang et al. 2020), in [0, 1]."""

USUAL_LEVEL = 0.5  # a net that knows levels is measured on val at it, and used at it where no other is asked for
