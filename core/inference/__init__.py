"""Loaded networks: digits in, probabilities out, and what is said of an answer.

Belongs here: opening a run's network, calibrated and rejected answers, what other runs and epochs
answer. Does not belong here: looking inside a network (`explain`). Imports TensorFlow.

Public: `predictor.load_predictor`, `reader.read_digits`, `other_runs`.
"""
