import io

import hypothesis
import numpy as np
import onnx
from hypothesis import strategies as st

from deepchord.ensemble.graph import NUMBER_OUTPUTS, GraphOptions, open_session
from deepchord.ensemble.graph.model import write_graph
from deepchord.shared.messages import DescribedMember, EnsembleDescription, Target
from deepchord.shared.network import Architecture, Dense
from deepchord.shared.regression import Predictions, RunningMixture

targets = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e4), st.floats(0.1, 10.0)), min_size=1, max_size=3)


def described(valuer, numbers, members: int, architecture: Architecture, *, scaled: bool) -> EnsembleDescription:
    """Return the description of an ensemble with other targets, members and layers."""
    dataset = valuer.description.dataset.model_copy(
        update={
            "targets": tuple(Target(name=f"t{n}", mean=mean, scale=scale) for n, (mean, scale, _) in enumerate(numbers))
        }
    )
    regression = valuer.description.regression
    factors = tuple(factor for *_, factor in numbers)
    scaling = regression.scaling.model_copy(update={"factors": factors}) if scaled else None
    return valuer.description.model_copy(
        update={
            "dataset": dataset,
            "architecture": architecture,
            "members": tuple(
                DescribedMember(index=index, weights_sha256="0" * 64, engine="numpy") for index in range(members)
            ),
            "regression": regression.model_copy(update={"scaling": scaling}),
        }
    )


def expected(outputs: list[np.ndarray], description: EnsembleDescription) -> Predictions:
    """Return what the evaluation of a worker makes of the members' outputs."""
    mixture = RunningMixture(len(outputs[0]), len(description.dataset.targets))
    for each in outputs:
        mixture.add(each)
    found, scaling = mixture.result().in_units(description.dataset.targets), description.regression.scaling
    return found if scaling is None else found.scaled(scaling.factors)


def check_same(found: dict[str, np.ndarray], wanted: Predictions) -> None:
    unit = wanted.standard_deviation
    np.testing.assert_allclose((found["mean"] - wanted.mean) / unit, 0, atol=1e-5)
    for name, deviation in {
        "standard_deviation": unit,
        "aleatoric_standard_deviation": np.sqrt(wanted.aleatoric_variance),
        "epistemic_standard_deviation": np.sqrt(wanted.epistemic_variance),
    }.items():
        # Of squares: the root of a difference that rounding leaves is larger than it.
        np.testing.assert_allclose((found[name] ** 2 - deviation**2) / unit**2, 0, atol=1e-5)


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(
    seed=st.integers(0, 10_000),
    members=st.integers(1, 5),
    numbers=targets,
    width=st.integers(1, 8),
    spread=st.sampled_from([0.1, 1.0, 10.0]),
    scaled=st.booleans(),
)
def test_graphs_of_random_networks_tell_the_same_as_the_evaluation(
    valuer, seed, members, numbers, width, spread, scaled
):
    architecture = Architecture(
        layers=(Dense(units=width, activation="relu"), Dense(units="outputs", activation="linear"))
    )
    description = described(valuer, numbers, members, architecture, scaled=scaled)
    generator = np.random.default_rng(seed)
    (size,), outputs = description.dataset.input_shape, 2 * len(numbers)
    weights = [
        tuple(
            tuple(generator.normal(0, spread, shape).astype(np.float32) for shape in ((before, after), (after,)))
            for before, after in ((size, width), (width, outputs))
        )
        for _ in range(members)
    ]
    rows = generator.normal(size=(20, size)).astype(np.float32)
    file = io.BytesIO()

    write_graph(file, description, iter(weights), GraphOptions(input_type="float32"), {})

    onnx.checker.check_model(file.getvalue(), full_check=True)
    session = open_session(file.getvalue(), "it")
    assert [each.name for each in session.get_outputs()] == list(NUMBER_OUTPUTS)
    found = dict(zip(NUMBER_OUTPUTS, session.run(list(NUMBER_OUTPUTS), {"features": rows}), strict=True))
    own = [np.maximum(rows @ w1 + b1, 0) @ w2 + b2 for (w1, b1), (w2, b2) in weights]
    np.testing.assert_allclose(found["member_outputs"], np.stack(own, axis=1), rtol=1e-3, atol=1e-4 * spread**2)
    check_same(found, expected(list(found["member_outputs"].transpose(1, 0, 2)), description))
    np.testing.assert_allclose(found["member_means"].mean(axis=1), found["mean"], rtol=1e-9, atol=1e-6)


def test_a_member_with_outputs_of_any_size_gives_finite_numbers(valuer):
    description = described(
        valuer, [(0.0, 1.0, 1.0)], 2, Architecture(layers=(Dense(units="outputs", activation="linear"),)), scaled=False
    )
    (size,) = description.dataset.input_shape
    weights = [((np.zeros((size, 2), np.float32), np.array([0, raw], np.float32)),) for raw in (-1e30, 1e30)]
    file = io.BytesIO()

    write_graph(file, description, iter(weights), GraphOptions(input_type="float32"), {})

    (deviation,) = open_session(file.getvalue(), "it").run(
        ["standard_deviation"], {"features": np.zeros((1, size), np.float32)}
    )
    np.testing.assert_allclose(deviation, np.sqrt(0.5e30), rtol=1e-6)
