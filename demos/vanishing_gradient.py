"""Vanishing gradient: eight sigmoid layers, and nothing reaches the first.

Look at the gradient-flow heat map and the |∇| RMS column: from the last layer to the first the gradient
falls by ten orders of magnitude, and the loss stays where it began, at log 2.
After three epochs the finding appears. Then set the activation to relu and init to auto: the gradient reaches
every layer, and the loss falls.
"""

from tinygrad_nn.training import Experiment, Hyperparameters


class VanishingGradient(Experiment):
    dataset = "spiral"
    hyperparameters = Hyperparameters(hidden=(8,) * 8, activation="sigmoid", init="normal", lr=0.01, epochs=40)
