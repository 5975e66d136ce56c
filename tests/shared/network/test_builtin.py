from deepchord.shared.network import notebook_architecture
from deepchord.shared.network.builtin import residual_architecture


def test_the_notebook_network_has_331450_parameters():
    network = notebook_architecture().resolve(input_shape=(28, 28, 1), classes=10)

    assert network.parameters == 331_450


def test_the_notebook_network_has_the_shapes_of_the_notebook():
    network = notebook_architecture().resolve(input_shape=(28, 28, 1), classes=10)

    assert [layer.output_shape for layer in network.layers if layer.weights] == [
        (28, 28, 16), (28, 28, 16), (14, 14, 32), (14, 14, 32),
        (7, 7, 64), (7, 7, 64), (5, 5, 64), (128,), (128,), (10,),
    ]  # fmt: skip
    assert [layer.name for layer in network.layers[:3]] == ["conv2d_1", "conv2d_2", "max_pooling2d_1"]


def test_the_residual_network_has_474794_parameters():
    network = residual_architecture().resolve(input_shape=(28, 28, 1), classes=10)

    assert network.parameters == 474_794
