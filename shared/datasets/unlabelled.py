"""Images or rows without labels: found, fitted to a network's input, published and loaded."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.command_line import printable_path, user_path
from deepchord.shared.datasets.dataset import Dataset
from deepchord.shared.datasets.named import NAMED_DATASETS, Places
from deepchord.shared.datasets.sources import find_dataset
from deepchord.shared.errors import DatasetError
from deepchord.shared.files import npz_outlines, read_npz, write_npz
from deepchord.shared.images import (
    SUFFIXES,
    check_same_values,
    checked_images,
    fitted_pixels,
    images_with_channels_last,
    pixel_values,
    read_picture,
)
from deepchord.shared.messages import CategoryColumn, Fitting, TablePreprocessing, UnseenInfo
from deepchord.shared.storage import RunStore
from deepchord.shared.tables import Table, checked_rows, encode_rows, read_table_file, table_of_rows
from deepchord.shared.validation import suggestion

#: The array of images in a file: the first of these that is there.
_ARRAYS = ("images", "x_test", "x")
#: The array of rows: the first of these that is there.
_ROWS = ("x_test", "x")
#: What the option begins with that tells where their channels are.
_OPTION = "--ood-channels"


@dataclass(frozen=True, kw_only=True, eq=False)
class Images:
    """Images without labels, or the encoded rows of a table."""

    #: The name of the data set or of the file that they came from.
    name: str
    #: [size, height, width, channels], uint8 or float32, as given; of a table float32 [size, features].
    pixels: NDArray[Any]


def find_images(name_or_path: str, places: Places, channels_first: bool | None = None) -> Images:
    """Return the test images of a data set with a name, or the images of an `.npz` file; its labels are not read.

    Args:
        name_or_path: `fashion`, `digits`, `cifar10`, or the path of an `.npz` with images as `images`, `x_test` or `x`,
            as `deepchord.shared.datasets.sources.read_dataset` takes them.
        places: Where to look for a data set with a name.
        channels_first: Whether images of a file with four axes are [size, channels, height, width]; None: images that
            look so are refused.

    Raises:
        DatasetError: Nothing was found, or the images cannot be used.
    """
    if name_or_path in NAMED_DATASETS:
        dataset = find_dataset(name_or_path, places)
        return Images(name=dataset.name, pixels=dataset.x_test)
    path = Path(name_or_path)
    source = printable_path(path)
    try:
        present = npz_outlines(user_path(path), source, (), _ARRAYS)
        name = next((name for name in _ARRAYS if name in present), None)
        if name is None:
            raise DatasetError(
                f"{source} holds no images: expected them as {', '.join(_ARRAYS[:-1])} or {_ARRAYS[-1]}."
            )
        label = f"{source}: {name}"
        images_with_channels_last(present[name], label, channels_first, _OPTION)
        pixels = read_npz(user_path(path), source, (name,))[name]
    except FileNotFoundError as error:
        hint = suggestion(name_or_path, NAMED_DATASETS)
        end = "" if hint.endswith("?") else ", or the path of an .npz file."
        raise DatasetError(f"There are no images called {name_or_path!r}{hint}{end}") from error
    turned = images_with_channels_last(pixels, label, channels_first, _OPTION)
    return Images(name=printable_path(path.name), pixels=checked_images(turned, label))


def find_fitted_images(
    name_or_path: str, places: Places, trained_on: Dataset, fitting: Fitting, *, channels_first: bool | None = None
) -> Images:
    """Return images in the shape that the networks take: those of `find_images`, or all image files below a folder.

    Args:
        name_or_path: As `find_images` takes it, or a folder.
        places: Where to look for a data set with a name.
        trained_on: What the networks were trained on. Image files become arrays as its own did.
        fitting: What is done with images of another size or with other channels.
        channels_first: See `find_images`.

    Raises:
        DatasetError: Nothing was found, or the images cannot be used.
        InputError: An image file is damaged, or the images do not fit the networks.
    """
    folder = user_path(name_or_path)
    if name_or_path in NAMED_DATASETS or not folder.is_dir():
        return fitted_images(find_images(name_or_path, places, channels_first), trained_on.x_train, fitting)
    if channels_first is not None:
        raise DatasetError(
            f"{printable_path(folder)} holds image files, whose channels are known: leave out {_OPTION}-first."
        )
    return _pictures_below(folder, trained_on, fitting)


def _pictures_below(folder: Path, trained_on: Dataset, fitting: Fitting) -> Images:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.name[0] != ".")
    if not paths:
        raise DatasetError(f"{printable_path(folder)} holds no image files, nor do the folders in it.")
    height, width, channels = trained_on.x_train.shape[1:]
    shape, files = (height, width, channels), trained_on.files
    pixels = np.stack([read_picture(path, shape, fitting, printable_path(path), files=files) for path in paths])
    name = printable_path(folder.resolve().name)
    check_same_values(pixels, pixel_values(trained_on.x_train), name)
    return Images(name=name, pixels=pixels)


def fitted_images(images: Images, like: NDArray[Any], fitting: Fitting) -> Images:
    """Return images in the shape that networks trained on `like` take, or refuse them.

    Args:
        images: The images.
        like: Images [size, height, width, channels] that the network was trained on, uint8 or float32.
        fitting: What is done with images of another size or with other channels.

    Raises:
        InputError: Their shape does not fit and `fitting` is `none`, the channels cannot be converted, or the values
            have another range.
    """
    check_same_values(images.pixels, pixel_values(like), images.name)
    pixels = fitted_pixels(images.pixels, like.shape[1:], fitting, images.name)
    return images if pixels is images.pixels else Images(name=images.name, pixels=pixels)


def find_unseen_rows(path: str, preprocessing: TablePreprocessing) -> Images:
    """Return the rows of a table as the networks take them; columns that are predicted are not read.

    Args:
        path: A table, as `read_table_file` reads it; or an `.npz` with rows as `x_test` or `x`, whose columns are those
            of the training in their order.
        preprocessing: How the rows of the training became the networks' input.

    Raises:
        DatasetError: There is no such file, it is no table, or it has not the columns of the training.
    """
    own, source = user_path(path), printable_path(Path(path))
    try:
        if own.suffix.lower() == ".npz":
            rows = _rows_of_archive(own, source, preprocessing)
        else:
            as_text = [column.name for column in preprocessing.columns if isinstance(column, CategoryColumn)]
            rows = read_table_file(path, as_text=as_text, wanted=preprocessing.names)
    except FileNotFoundError as error:
        raise DatasetError(
            f"There is no file {source}: the run was trained on a table, so expected one of its columns."
        ) from error
    return Images(name=printable_path(own.name), pixels=encode_rows(rows, preprocessing).features)


def _rows_of_archive(path: Path, source: str, preprocessing: TablePreprocessing) -> Table:
    present = npz_outlines(path, source, (), _ROWS)
    name = next((name for name in _ROWS if name in present), None)
    if name is None:
        raise DatasetError(f"{source} holds no rows: expected them as {' or '.join(_ROWS)}.")
    rows = read_npz(path, source, (name,))[name]
    return table_of_rows(rows, list(preprocessing.all_names), f"{source}: {name}")


def publish_images(images: Images, store: RunStore) -> UnseenInfo:
    """Publish images under their SHA-256, unless storage has them already; return their description.

    Raises:
        StorageError: The storage cannot be reached or written.
    """
    data = write_npz({"images": images.pixels})
    sha256 = hashlib.sha256(data).hexdigest()
    if not store.inputs.has_dataset(sha256, data):
        store.inputs.publish_dataset(sha256, data)
    return UnseenInfo(name=images.name, sha256=sha256, images=len(images.pixels))


def load_images(info: UnseenInfo, store: RunStore) -> Images:
    """Return published images.

    Raises:
        StorageError: Storage cannot be reached, or its copy is missing or damaged.
        DatasetError: The object holds no images.
    """
    source = f"Images {info.sha256[:12]}…"
    pixels = read_npz(io.BytesIO(store.inputs.dataset(info.sha256)), source, ("images",))["images"]
    checked = checked_rows if pixels.ndim == 2 else checked_images
    return Images(name=info.name, pixels=checked(pixels, f"{source}: images"))
