"""The parts of `pages/filters.py`. No other page imports them; common widgets are in `shared`."""
