"""Small tools for every other package: errors, files, text, validation, background tasks.

Belongs here: what several packages need and what knows no dataset, network or run. Does not belong
here: anything that one package alone uses.

Public: `errors` (DigitscopeError and its kinds), `files` (atomic writes, JSON, CSV, following a
growing file), `text` (durations, sizes, percentages), `validation` (array checks, field bounds,
slider parameters), `background` (long work in a thread, once for all visitors).
"""
