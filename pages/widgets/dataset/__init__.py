"""The parts of `pages/dataset.py`. No other page imports them; what two need is in `shared`."""
