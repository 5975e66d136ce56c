"""A PlaidML worker on an OpenCL device and a Keras 3 worker share a run; what a device must not do is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from deepchord.shared.messages import TrainedMember
from deepchord.shared.queue import create_app
from deepchord.shared.settings import load_settings
from tests.places import Started
from tests.waiting import wait_until

NETWORK = """
layers = [
  { type = "conv2d", filters = 4 },
  { type = "max_pooling2d", pool_size = 4 },
  { type = "flatten" },
  { type = "dropout", rate = 0.1 },
  { type = "dense", units = "classes", activation = "softmax" },
]
"""


@pytest.fixture(scope="module")
def opencl(opencl: dict[str, str]) -> dict[str, str]:
    return {**opencl, "DEEPCHORD_ENGINE": "auto"}


@pytest.fixture(scope="module")
def deepchord(plaidml_python: Path) -> Callable[..., list[str]]:
    """The command line of deepchord in PlaidML's environment."""
    return lambda *arguments: [str(plaidml_python), "-P", "-m", "deepchord", *arguments]


@pytest.fixture(scope="module")
def fleet(new_place, recipe, broker_server, opencl, deepchord):
    broker = f"{broker_server}/5"
    place = new_place(DEEPCHORD_BROKER=broker)
    (place.folder / "network.toml").write_text(NETWORK)
    # The preflight is on here, as it is for everybody.
    plaidml = place.start(command=deepchord("worker"), DEEPCHORD_PREFLIGHT="true", **opencl)
    keras = place.start("worker", "--engine", "tensorflow", "--device", "CPU:0", DEEPCHORD_PREFLIGHT="true")
    with create_app(load_settings(broker=broker)) as app:
        while len(names := app.control.ping(timeout=1.0)) < 2:
            assert [worker.err for worker in (plaidml, keras) if worker.process.poll() is not None] == []
    yield place, [next(iter(name)) for name in names]
    for worker in (plaidml, keras):
        worker.interrupt()
    assert [plaidml.ended(), keras.ended()] == [0, 0]
    assert place.stop_all() == []


def train(place, recipe: Path, *options: str) -> Started:
    return place.start("train", recipe, "--architecture", "network.toml", "--out", f"out{len(options)}", *options)


def trained(place, training: Started) -> tuple[str, list[TrainedMember]]:
    """Wait for the end of the last run; return its id and its members."""
    assert training.ended() == 0, training.out + training.err
    store = place.store
    run_id = store.run_ids()[-1]
    return run_id, [record.member for record in store.records(run_id, store.run(run_id).members)]


def test_workers_are_named_for_their_engine_and_device(fleet):
    _, names = fleet

    assert any(name.startswith("plaidml-opencl_") for name in names), names
    assert any(name.startswith("tensorflow-CPU-0@") for name in names), names


def test_one_run_is_trained_by_both_and_their_probabilities_agree_at_evaluation(fleet, recipe):
    place, names = fleet
    place.gate.hold(after=1)

    training = train(place, recipe, "--members", "4", "--epochs", "3")
    wait_until(lambda: len(place.gate.held()) == len(names), "a member on each worker")
    place.gate.open()
    run_id, members = trained(place, training)

    assert {member.trainer.engine for member in members} == {"plaidml", "tensorflow"}
    assert any(member.trainer.device.startswith("opencl_") for member in members)
    evaluation = json.loads(place.run("status", run_id, "--json").stdout)["evaluation"]
    assert max(member["parity"] for member in evaluation["members"]) < 1e-4


@pytest.mark.parametrize(("requirement", "engine"), [("plaidml", "plaidml"), ("tensorflow", "tensorflow")])
def test_a_run_can_require_an_engine(fleet, recipe, requirement, engine):
    place, _ = fleet

    _, members = trained(place, train(place, recipe, "--require", requirement, "--epochs", "1"))

    assert {member.trainer.engine for member in members} == {engine}


def test_a_run_that_nobody_connected_can_serve_says_so(fleet, recipe):
    place, names = fleet
    training = place.start("train", recipe, "--require", "gpu")

    said = training.wait_for("no connected worker serves --require gpu")

    assert all(name in said for name in names)
    training.interrupt()
    assert training.ended() == 130


def test_a_second_worker_does_not_share_the_processor_unless_it_is_asked_for(fleet, opencl, deepchord):
    place, _ = fleet
    second = place.start(command=deepchord("worker"), **opencl)

    assert second.ended() == 2
    assert "Another worker of this user trains on all there is here" in second.err[-1]


@pytest.mark.parametrize(
    ("options", "variables", "sentence"),
    [
        (["--engine", "plaidml", "--device", "nope"], {}, "plaidml has no device nope here; it has: opencl_"),
        (["--engine", "tensorflow"], {}, "The engine tensorflow cannot be used here (installed: plaidml)"),
        (
            ["--engine", "plaidml"],
            {"DEEPCHORD_PLAIDML_HARDWARE": '{"opencl_.*": {"vec_size": 8}}'},
            "is refused: in a few steps of training with a known result",
        ),
        (["--engine", "plaidml"], {"DEEPCHORD_PLAIDML_HARDWARE": '{"x": {"vec": 8}}'}, "unknown option 'vec'"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(fleet, opencl, deepchord, options, variables, sentence):
    place, _ = fleet
    refused = place.start(
        command=deepchord("worker", *options), **{**opencl, "DEEPCHORD_PREFLIGHT": "true", **variables}
    )

    assert refused.ended() == 2
    assert sentence in refused.err[-1]


def test_devices_lists_what_plaidml_sees_and_why_it_sees_no_more(place, opencl, deepchord):
    with_layer = place.start(command=deepchord("devices", "--json"), **opencl)
    without = place.start(command=deepchord("devices", "--json"), OPENCL_LAYERS="", DEEPCHORD_ENGINE="auto")

    assert [with_layer.ended(), without.ended()] == [0, 0]
    (seen,) = (report for report in json.loads("\n".join(with_layer.out)) if report["name"] == "plaidml")
    (hidden,) = (report for report in json.loads("\n".join(without.out)) if report["name"] == "plaidml")
    assert [device["id"].partition("_")[0] for device in seen["devices"]] == ["opencl", "llvm"]
    assert seen["devices"][0]["memory_bytes"] > 0
    assert [device["id"] for device in hidden["devices"]] == ["llvm_cpu.0"]
    assert any("is a processor, which PlaidML does not use through OpenCL" in hint for hint in hidden["hints"])


def test_train_shares_the_members_out_to_all_gpus_of_this_machine(place, recipe, opencl, deepchord):
    (place.folder / "network.toml").write_text(NETWORK)
    two_gpus = {"OPENCL_PLATFORM_NAME": "Two GPUs", "POCL_DEVICES": "pthread pthread", "DEEPCHORD_ENGINE": "plaidml"}
    options = ["--local", "--workers", "2", "--members", "2", "--epochs", "1", "--architecture", "network.toml"]

    training = place.start(command=deepchord("train", str(recipe), *options), **{**opencl, **two_gpus})

    assert training.ended() == 0, "\n".join(training.err)
    assert any("Training on 2 GPUs: opencl_" in line for line in training.out)
    (run_id,) = place.store.run_ids()
    records = place.store.records(run_id, 2)
    assert sorted(record.member.trainer.device.rpartition(".")[2] for record in records) == ["0", "1"]


def test_the_doctor_tells_of_a_device_what_is_to_be_known_in_an_issue(place, opencl, deepchord):
    doctor = place.start(command=deepchord("doctor"), **opencl)

    assert doctor.ended() == 0, doctor.err
    told = dict(line.split(maxsplit=1) for line in doctor.out)
    assert told["engine"].startswith("plaidml, keras 2.2.4")
    assert told["device"].startswith("opencl_")
    assert "Portable Computing Language" in told["driver"]
    assert json.loads(told["settings"])["vecSize"] == 1
    assert told["preflight"].startswith("passed")
    assert "ms per training image" in told["speed"]
    assert told["result"] == "this device trains"


def test_the_doctor_refuses_a_device_that_computes_nan(place, opencl, deepchord):
    wide = '{"opencl_.*": {"vec_size": 8}}'
    doctor = place.start(command=deepchord("doctor"), DEEPCHORD_PLAIDML_HARDWARE=wide, **opencl)

    assert doctor.ended() == 2
    assert "refused: Device opencl_" in doctor.out[-1]


def test_nothing_is_written_to_the_home_folder(place, opencl, deepchord):
    listing = place.start(command=deepchord("devices"), **opencl)

    assert listing.ended() == 0
    assert not (place.folder / ".keras").exists()
    assert not (place.folder / ".plaidml").exists()
