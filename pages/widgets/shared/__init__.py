"""Widgets that several pages or `app.py` use. It imports `components`, never a page's folder."""
