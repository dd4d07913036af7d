"""The digits: loading, statistics, augmentation, corruptions, normalization, a 2-D projection.

Belongs here: MNIST and its 5,000-digit sample as arrays, and what changes or describes digits as
arrays. Does not belong here: a visitor's pictures (`preprocessing`), anything that needs a network.

Public: `mnist.load`, `augmentation`, `corruptions`, `normalization.scale`, `statistics`,
`projection`.
"""
