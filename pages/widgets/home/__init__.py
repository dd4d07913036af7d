"""The parts of `pages/home.py`. No other page imports them; what two need is in `shared`."""
