"""A network that is trained against an attack: each digit is pushed before it is learned from.

The push is that of the fast gradient sign method from a random start: a random change of each pixel
of at most epsilon, then one step of 1.25 epsilon along the sign of the loss's gradient, brought
back to within epsilon (Wong, Rice and Kolter, 2020, "Fast is better than free: revisiting
adversarial training"). It costs about two steps for one, and holds against the many steps of PGD.
"""

import keras
import tensorflow as tf


class AdversarialNetwork(keras.Sequential):
    """A sequential network whose training pushes each batch towards a larger loss first."""

    def push_within(self, epsilon: float, low: float, high: float, seed: int) -> None:
        """Say how far pixels are pushed, in units of the network's input.

        Args:
            epsilon: the largest change of a pixel.
            low: the input of an empty pixel.
            high: the input of full ink.
            seed: of the random starts; they follow from it and the number of the step alone.
        """
        self._bounds, self._seed = (epsilon, low, high), seed

    def train_step(self, data: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
        """One step of training on pushed digits."""
        digits, targets, weights = keras.utils.unpack_x_y_sample_weight(data)
        return super().train_step((self._pushed(digits, targets), targets, weights))

    def _pushed(self, digits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        epsilon, low, high = self._bounds
        step = tf.cast(self.optimizer.iterations, tf.int32)
        start = digits + tf.random.stateless_uniform(
            tf.shape(digits), tf.stack([self._seed, step]), -epsilon, epsilon
        )
        with tf.GradientTape() as tape:
            tape.watch(start)
            loss = self.compute_loss(y=targets, y_pred=self(start, training=False))
        moved = start + 1.25 * epsilon * tf.sign(tape.gradient(loss, start))
        near = digits + tf.clip_by_value(moved - digits, -epsilon, epsilon)
        return tf.stop_gradient(tf.clip_by_value(near, low, high))
