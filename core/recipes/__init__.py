"""What is trained and how, as validated data: architecture, recipe, presets, advice.

Belongs here: the settings, their bounds, links and descriptions, and the Keras model that they
describe. Does not belong here: the training itself (`training`), or what came of it (`runs`).

Public: `recipe.Recipe`, `architecture.Architecture`, `presets.PRESETS`, `draft.Draft` (a recipe in
a form), `advice` (warnings, learning rates, what to try next), `descriptions` (a sentence for each
setting), `keras_model.build_model` and `compiled_model` (the only module here that imports
TensorFlow).
"""
