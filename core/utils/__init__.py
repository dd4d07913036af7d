"""Small tools that know nothing of digits: errors, files, text, validation, background tasks.

Belongs here: what every other package may need and what names no digit, network or run. Does not
belong here: anything that one package alone uses.

Public: `errors` (DigitscopeError and its kinds), `files` (atomic writes, JSON, CSV, following a
growing file), `text` (durations, sizes, percentages), `validation` (field bounds, array checks),
`background` (long work in a thread, once for all visitors).
"""
