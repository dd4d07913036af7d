"""Why a network answers as it does: activations, attribution, kernels, counterfactuals.

Belongs here: numbers from inside a network or from its gradients. Does not belong here: pictures of
them (`figures`). Most modules import TensorFlow when they compute.

Public: `activations`, `attribution` (Grad-CAM, integrated gradients, occlusion), `feature_maps`,
`feature_visualization`, `counterfactuals`, `kernels`, `latent_space`, `arithmetic`, `convolution`,
`layer_geometry`, `detector_layers`.
"""
