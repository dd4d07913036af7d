"""Photographed or drawn pages: light, ink, ruled lines, components, digits, reading order.

Belongs here: what is needed only because a picture may hold several digits. Does not belong here:
the preparation of a single digit (`core.preprocessing.mnist_format`).

Public: `detection.find_digits`, and `detection.add_box`, `move_box`, `remove_box` to correct them.
The steps: `illumination` (light and shadow), `binarization` (ink), `components` (pieces, lines),
`segmentation` (pieces to digits) with `touching_digits`.
"""
