"""Photographed or drawn pages: light, ink, ruled lines, components, digits, reading order.

Belongs here: what is needed only because a picture may hold several digits. Does not belong here:
the preparation of a single digit (`core.preprocessing.mnist_format`).

Public: `detection.find_digits`, `components` (text lines, numbers).
"""
