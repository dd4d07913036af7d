"""The parts of `pages/predict.py`. No other page imports them; what two need is in `shared`."""
