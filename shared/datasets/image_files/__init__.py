"""Image files as a data set: a folder of them, a table of their paths, or Parquet files that hold them."""

from deepchord.shared.datasets.image_files.folders import list_folder
from deepchord.shared.datasets.image_files.listing import EncodedImage, Listing
from deepchord.shared.datasets.image_files.options import PictureOptions
from deepchord.shared.datasets.image_files.parquet import has_images, list_parquet, parquet_files
from deepchord.shared.datasets.image_files.path_tables import is_path_table, list_path_table
from deepchord.shared.datasets.image_files.reading import ReadImages, read_listing

__all__ = [
    "EncodedImage",
    "Listing",
    "PictureOptions",
    "ReadImages",
    "has_images",
    "is_path_table",
    "list_folder",
    "list_parquet",
    "list_path_table",
    "parquet_files",
    "read_listing",
]
