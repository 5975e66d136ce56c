"""Trains one member: starting weights, batches, the loop over epochs, and the state after each epoch."""

from deepchord.worker.training.batches import EpochBatches, TrainingImages, batches_in_order
from deepchord.worker.training.initialization import GivenWeights, initial_weights
from deepchord.worker.training.loop import TrainingSetup, train
from deepchord.worker.training.observers import Observer, Observers
from deepchord.worker.training.split import Split, calibration_images, member_split, random_split
from deepchord.worker.training.state import SavedTraining, TrainingState, decode_training, encode_training

__all__ = [
    "EpochBatches",
    "GivenWeights",
    "Observer",
    "Observers",
    "SavedTraining",
    "Split",
    "TrainingImages",
    "TrainingSetup",
    "TrainingState",
    "batches_in_order",
    "calibration_images",
    "decode_training",
    "encode_training",
    "initial_weights",
    "member_split",
    "random_split",
    "train",
]
