"""How good a run is: confusion matrix, calibration, comparison, robustness, slices, label issues.

Belongs here: numbers computed from answers on labeled digits. Does not belong here: charts of them
(`figures`).

Public: `confusion_matrix`, `calibration`, `comparison`, `robustness`, `slices`, `examples`,
`epoch_predictions`, `user_digits`.
"""
