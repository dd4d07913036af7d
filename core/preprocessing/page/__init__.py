"""Drawn or photographed pages: detector, digits and signs, their ink, reading order.

Belongs here: what is needed only because a picture may hold several digits. Does not belong here:
the preparation of a single digit (`core.preprocessing.mnist_format`).

Public: `detection.find_page`; `box_corrections.add_box`, `move_box` and `remove_box` to correct it.
The steps: `detector` (a network: ink, centers), `segmentation` (which ink is one digit),
`digit_ink` (a digit without its paper and its neighbors), `reading_order` (lines, numbers, signs).
"""
