"""Lessons: files that a teacher writes, and what is measured in the runs of who takes them."""
