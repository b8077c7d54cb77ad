"""The systems that the paper compares with, and any further one: a module NAME.py is a row of TRAINERS and SYSTEMS.

It ends with `TRAINER`, a TrainingStage whose first section is `baselines.NAME`, and has a function `open_system`, see
`pipeline.evaluation.systems`.
"""
