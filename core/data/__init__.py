"""The digits: loading, statistics, augmentation, corruptions, normalization, a map in the plane.

Belongs here: MNIST and its 5,000-digit sample as arrays, and what changes or describes digits as
arrays. Does not belong here: a visitor's pictures (`preprocessing`), anything that needs a network.

Public: `mnist` (load a dataset, download MNIST), `statistics` (means, counts, nearest training
digits), `augmentation` (random changes as in training), `corruptions` (controlled changes for
robustness), `normalization.scale` (pixels to network input), `projection` (PCA and t-SNE).
"""
