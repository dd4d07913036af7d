"""Widgets of the Lessons page."""
