"""The parts of `pages/predict.py`. No other page imports them; common widgets are in `shared`."""
