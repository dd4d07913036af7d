"""From a recipe to a run: input pipeline, callbacks, checkpoints, training, fine-tuning.

Belongs here: what happens in the process that trains. Does not belong here: starting and watching
that process (`jobs`). Imports TensorFlow.

Public: `trainer.train` and `resume_training`, `fine_tuning`, `checkpoints`,
`callbacks.RunCallback`, `input_pipeline.training_batches`.
"""
