"""The parts of `pages/filters.py`. No other page imports them; what two need is in `shared`."""
