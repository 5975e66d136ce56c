"""Data sets: where they are found, what makes them valid, and how they are published and loaded."""

from deepchord.shared.datasets.dataset import Dataset, encode_dataset, load_dataset, publish_dataset, scaled
from deepchord.shared.datasets.sources import Places, find_dataset

__all__ = ["Dataset", "Places", "encode_dataset", "find_dataset", "load_dataset", "publish_dataset", "scaled"]
