"""Learning rate: too large, and the loss swings instead of falling.

The irises with SGD at a learning rate of 1: the training loss jumps, from 0.07 up to 0.5 and back. Pause, lower
the learning rate to 0.05 (`[` nudges it down) and go on: within a few epochs the curve is smooth and low.
The change is marked on the curve where it was made.
"""

from tinygrad_nn.training import Experiment, Hyperparameters


class LearningRate(Experiment):
    dataset = "iris"
    hyperparameters = Hyperparameters(hidden=(16,), optimizer="sgd", momentum=0.9, lr=1.0, epochs=40)
