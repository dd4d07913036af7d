"""Data in, chart or picture out: Plotly figures, images, HTML tables.

Belongs here: everything that draws, without computing what it draws. Does not belong here:
Streamlit (`pages`), files to download (`export`).

Public: `prediction_charts`, `comparison_charts`, `dataset_charts`, `calibration_charts`,
`explanation_charts`, `images`, `network_images`, `detector_images`, `html`, `style` (colors and
line styles).
"""
