"""The parts of `pages/confusion.py`. No other page imports them; what two need is in `shared`."""
