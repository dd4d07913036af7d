"""Files to download: Keras scripts and notebooks, reports, the confusion matrix.

Belongs here: what a visitor takes away. Does not belong here: pictures for the pages (`figures`).

Public: `keras_script` (script, notebook, bundle), `proof`, `run_report`, `confusion_files`.
"""
