"""Digitscope without a screen: digits, recipes, training, runs and predictions."""

import os

__version__ = "0.1.0"

# TensorFlow prints a screenful about CPU instructions; a user's terminal is for our words.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
