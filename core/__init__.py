"""Digitscope without its user interface: digits, recipes, training, runs and predictions.

Each package says in its `__init__` what belongs there. A package imports only those below it; the
order stands in `pyproject.toml` (`tool.importlinter`) and is checked by `make lint`.
"""

import os
from pathlib import Path
from typing import Final

__version__ = "0.1.0"

ROOT: Final = Path(__file__).resolve().parent.parent
"""The folder that holds `app.py`, `core/`, `models/` and the rest."""
ASSETS: Final = ROOT / "core" / "assets"
"""Stored arrays and tables that ship with the product."""

# TensorFlow prints a screenful about CPU instructions; a user's terminal is for our words.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# On a processor without AVX-512, TensorFlow leaves oneDNN's convolutions off; they are faster there
# too (benchmarks/results/onednn.json).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
