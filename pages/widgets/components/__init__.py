"""Components with JavaScript of their own. They import nothing of `pages`."""
