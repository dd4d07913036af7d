"""Any picture to MNIST digits: files, polarity, background, cropping, centering, whole pages.

Belongs here: everything between a file or a drawing and uint8 (n, 28, 28). Does not belong here:
what a network predicts for it (`core.inference`).

Public: `image_files.read_image`, `mnist_format.find_digit` (one digit),
`page.detection.find_page` (all digits and signs of a page), `digitness.digitness` (is it a digit at
all).
"""
