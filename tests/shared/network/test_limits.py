"""What PlaidML cannot compute, told in one place for the coordinator and the workers."""

from deepchord.shared.network import Architecture, Conv2D, Dense, Flatten, ResolvedArchitecture, refusal


def network(groups: int) -> ResolvedArchitecture:
    layers = (Conv2D(filters=groups, groups=groups), Flatten(), Dense(units="classes", activation="softmax"))
    return Architecture(layers=layers).resolve(input_shape=(4, 4, groups), classes=2)


def test_many_groups_of_channels_are_refused_on_plaidml_alone():
    assert refusal("plaidml", network(64)) is None
    assert refusal("jax", network(65)) is None
    assert "layer conv2d_1, which has 65 groups; at most 64" in str(refusal("plaidml", network(65)))


def test_a_gradient_that_is_held_back_is_refused_on_plaidml_alone():
    assert refusal("jax", network(2), beta_nll=0.5) is None
    assert "as beta_nll needs it" in str(refusal("plaidml", network(2), beta_nll=0.5))
