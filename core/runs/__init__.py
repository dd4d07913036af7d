"""Run folders: reading, finding, writing, messages to and from a training, permissions.

Belongs here: every file of a run folder and who may touch it. Does not belong here: what is
computed from a run (`evaluation`, `explain`), or the queue of trainings (`jobs`).

Public: `registry.find_run` and `list_runs`, `run.Run`, `run.Network` (a run at an epoch, the key of
every cache), `writer.RunWriter`, `predictions.load_predictions`, `messages`, `housekeeping`,
`permissions`.
"""
