"""Augmentation: training images, features and labels are changed at random, by the seeds of a member."""

from deepchord.worker.training.augmentation.images import augmented
from deepchord.worker.training.augmentation.mixing import LabelledImages, mixed
from deepchord.worker.training.augmentation.values import ValueRange, value_range

__all__ = ["LabelledImages", "ValueRange", "augmented", "mixed", "value_range"]
