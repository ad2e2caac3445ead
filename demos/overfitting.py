"""Overfitting: too little data for too many weights.

A tenth of the spiral to learn from, and 4,400 weights. The training loss falls all the way while the validation
loss, after ten epochs, rises to twice its best: what is learnt now is the fifty examples, not the
spiral. Set L2 to 0.03 (it can change in flight): the validation loss stays where it was best.
"""

from tinygrad_nn.training import Experiment, Hyperparameters


class Overfitting(Experiment):
    dataset = "spiral"
    hyperparameters = Hyperparameters(hidden=(64, 64), lr=0.01, validation=0.9, epochs=100)
