"""What can be written in two ways is one layer, written in the shorter one, which earlier versions read, too."""

import pytest

from deepchord.shared.network import (
    AveragePooling1D,
    Conv2D,
    Conv2DTranspose,
    Layer,
    MaxPooling2D,
    UpSampling2D,
    ZeroPadding2D,
)


@pytest.mark.parametrize(
    ("written", "short"),
    [
        (Conv2D(filters=2, kernel_size=(3, 3), strides=(2, 2), dilation_rate=(1, 1)), Conv2D(filters=2, strides=2)),
        (Conv2DTranspose(filters=2, kernel_size=(3, 3)), Conv2DTranspose(filters=2)),
        (MaxPooling2D(pool_size=(3, 3), strides=3), MaxPooling2D(pool_size=3)),
        (MaxPooling2D(pool_size=(3, 2), strides=(3, 2)), MaxPooling2D(pool_size=(3, 2))),
        (MaxPooling2D(strides=2), MaxPooling2D()),
        (AveragePooling1D(pool_size=3, strides=3), AveragePooling1D(pool_size=3)),
        (UpSampling2D(size=(2, 2)), UpSampling2D()),
        (ZeroPadding2D(padding=((1, 1), (1, 1))), ZeroPadding2D()),
    ],
)
def test_two_equal_lengths_are_one(written: Layer, short: Layer):
    assert written == short
    assert written.model_dump_json() == short.model_dump_json()


def test_two_different_lengths_stay_two():
    assert Conv2D(filters=2, kernel_size=(3, 2)).kernel_size == (3, 2)
    assert MaxPooling2D(pool_size=3, strides=2).strides == 2
    assert ZeroPadding2D(padding=((1, 0), (1, 1))).padding == ((1, 0), (1, 1))
