"""Trainings on this machine: queue, processes, live progress, diagnosis, time estimates.

Belongs here: what happens around a training process. Does not belong here: the training itself
(`training`); server and process speak through the run folder alone.

Public: `submission` (submit, pause, stop, resume), `scheduler.tick`, `live_run`, `live_view`,
`diagnosis`, `time_estimate`; `worker` and `speed_benchmark` are programs (`python -m`).
"""
