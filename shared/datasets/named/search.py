"""Looks for a data set with a name in its usual places on this host, or downloads it."""

import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from deepchord.shared.datasets.dataset import Dataset, dataset_from_arrays
from deepchord.shared.datasets.named.catalog import FASHION, NAMED_DATASETS, Arrays, NamedDataset, read_idx_folder
from deepchord.shared.datasets.named.download import ADDRESS, download
from deepchord.shared.datasets.named.keras_download import KerasProcess, keep_download
from deepchord.shared.errors import DatasetError

#: `apt install dataset-fashion-mnist` installs the IDX files here.
DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Places:
    """The places that are searched for a data set with a name."""

    #: `$KERAS_HOME`, or `.keras` in the user's home.
    keras_home: Path
    debian_folder: Path = DEBIAN_FASHION
    #: Downloads and reads the files that only Keras can read.
    keras: KerasProcess = field(default_factory=KerasProcess)
    #: The URL of the folder of all other downloads.
    address: str = ADDRESS
    #: Whether a data set may be downloaded if it is not on this host.
    download: bool = True


def is_named_dataset(name: str) -> bool:
    """Return whether there is a data set with this name."""
    return name in NAMED_DATASETS


def find_named_dataset(named: NamedDataset, places: Places) -> Dataset:
    """Return a data set from the first place that has it undamaged; damaged ones are logged and skipped.

    Raises:
        DatasetError: No place has it; the message names each place, its problem, and how to get the data.
    """
    tried: list[str] = []
    damaged: list[str] = []
    for place, read in _candidates(named, places):
        try:
            dataset = dataset_from_arrays(read(), name=named.name, source=place, class_names=named.class_names)
        except FileNotFoundError as error:
            tried.append(f"{place} (no {Path(error.filename).name})")
        except (DatasetError, OSError) as error:
            damaged.append(f"{place} ({str(error).rstrip('.')})")
            tried.append(damaged[-1])
        else:
            _warn_of_damaged(named, damaged, place)
            return dataset
    raise DatasetError(
        f"Data set {named.name!r} was not found. Looked at: {'; '.join(tried)}. {_remedy(named, places)}"
    )


def _candidates(named: NamedDataset, places: Places) -> Iterator[tuple[str, Callable[[], Arrays]]]:
    keras_datasets = places.keras_home / "datasets"
    if named.name == FASHION.name:
        yield f"the Debian folder {places.debian_folder}", partial(read_idx_folder, named, places.debian_folder)
    yield f"the Keras cache {keras_datasets}", partial(named.read, named, keras_datasets, places.keras)
    if places.download:
        source = f"from {places.address}" if named.keras_name is None else "through Keras"
        yield f"a download {source}", partial(_download, named, places, source)


def _download(named: NamedDataset, places: Places, source: str) -> Arrays:
    keras_datasets = places.keras_home / "datasets"
    logger.info("Data set %s is being downloaded %s.", named.name, source, extra={"action": "dataset_download"})
    with tempfile.TemporaryDirectory(prefix="deepchord-") as home:
        downloaded = Path(home) / "datasets"
        if named.keras_name is None:
            download(places.address, named.files, downloaded)
        else:
            places.keras.load(named.keras_name, Path(home))
        arrays = named.read(named, downloaded, places.keras)
        try:
            keep_download(named.files, downloaded, keras_datasets)
        except OSError as error:
            logger.warning(
                "The download of %s cannot be kept in %s (%s); the next run will download it again.",
                named.name,
                keras_datasets,
                error.strerror,
                extra={"action": "dataset_not_kept"},
            )
        return arrays


def _remedy(named: NamedDataset, places: Places) -> str:
    if named.name == FASHION.name:
        return (
            "Get it with `apt install dataset-fashion-mnist`, put its four files into "
            f"{places.keras_home / 'datasets' / 'fashion-mnist'}, or give a file of your own: `--dataset file.npz`."
        )
    return (
        "Give a file of your own, `--dataset file.npz`, or take Fashion-MNIST instead: "
        "`apt install dataset-fashion-mnist` and `--dataset fashion`."
    )


def _warn_of_damaged(named: NamedDataset, damaged: list[str], used: str) -> None:
    for place in damaged:
        logger.warning(
            "Data set %s comes from %s; passed over was %s.",
            named.name,
            used,
            place,
            extra={"action": "dataset_place_damaged"},
        )
