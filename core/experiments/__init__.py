"""Experiments: many runs of one plan, and what they say together.

A plan (`plan`) is a recipe, the settings that vary (`settings`) and a number of seeds. An
experiment (`experiment`) is a plan with the state of its trainings; these are ordinary runs.
`results` sums up the runs of each combination of settings, `significance` tells differences from
chance. Nothing here starts a training (`core.jobs.experiments` does), and nothing needs TensorFlow.
"""
