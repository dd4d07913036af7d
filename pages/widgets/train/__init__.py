"""The parts of `pages/train.py`. No other page imports them; what two need is in `shared`."""
