from datetime import UTC, datetime, timedelta
from types import UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from deepchord.shared.errors import MessageDecodeError
from deepchord.shared.messages import (
    DatasetInfo,
    EnsembleEvaluation,
    EpochMetrics,
    FailedMember,
    MemberEvaluation,
    MemberProgress,
    MemberRecord,
    MemberSeeds,
    MemberSpec,
    Misclassified,
    Recipe,
    RunFailure,
    RunLabels,
    RunSpec,
    Scores,
    TrainedMember,
    Trainer,
    dataset,
    evaluation,
    member,
    progress,
    run,
    run_end,
)
from deepchord.shared.network import notebook_architecture
from deepchord.shared.validation import Message

SHARES = st.floats(0, 1)
SECONDS = st.floats(0, 1e9)
LOSSES = st.floats(0, 1e6)
COUNTS = st.integers(1, 10**9)
SEEDS = st.integers(0, 2**32 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIMES = st.datetimes(timezones=st.just(UTC))
HASHES = st.from_regex(r"\A[0-9a-f]{64}\Z")
RUN_IDS = st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,63}\Z")

NAMES = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z").filter(lambda name: name != "last")
LABELS = st.builds(
    RunLabels,
    owner=st.none() | TEXTS.filter(bool),
    name=st.none() | NAMES,
    tags=st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=9), max_size=3),
)
TRAINERS = st.builds(Trainer, host=TEXTS, engine=TEXTS, engine_version=TEXTS, device=TEXTS)
SCORES = st.builds(Scores, loss=LOSSES, accuracy=SHARES)
MEMBER_SPECS = st.builds(
    MemberSpec,
    run_id=RUN_IDS,
    index=st.integers(0, run.MAX_MEMBERS - 1),
    seeds=st.builds(MemberSeeds, split=SEEDS, initialization=SEEDS, shuffling=SEEDS, dropout=SEEDS),
)
EPOCHS = st.builds(
    EpochMetrics,
    train_loss=LOSSES,
    train_accuracy=SHARES,
    validation_loss=LOSSES,
    validation_accuracy=SHARES,
    duration_s=SECONDS,
)
TRAINED = st.builds(
    TrainedMember,
    spec=MEMBER_SPECS,
    attempt=COUNTS,
    trainer=TRAINERS,
    started_at=TIMES,
    finished_at=TIMES,
    history=st.lists(EPOCHS, min_size=1, max_size=3).map(tuple),
    best_epoch=st.just(1),
    weights_sha256=HASHES,
    probabilities_sha256=HASHES,
)
FAILED = st.builds(
    FailedMember, spec=MEMBER_SPECS, attempt=COUNTS, trainer=TRAINERS | st.none(), finished_at=TIMES, error=TEXTS
)
RECORDS = st.builds(MemberRecord, member=TRAINED | FAILED)
DATASETS = st.builds(
    DatasetInfo,
    name=TEXTS,
    sha256=HASHES,
    input_shape=st.tuples(COUNTS, COUNTS, COUNTS),
    class_names=st.lists(TEXTS, min_size=2, max_size=4).map(tuple),
    train_size=COUNTS,
    test_size=COUNTS,
)
RECIPES = st.builds(
    Recipe,
    optimizer=st.sampled_from(["nadam", "adam", "sgd", "rmsprop"]),
    learning_rate=st.floats(1e-9, 10),
    batch_size=st.integers(1, 65536),
    epochs=st.integers(1, 100_000),
    validation_fraction=st.floats(1e-6, 0.999),
    patience=COUNTS,
)
RUN_SPECS = st.builds(
    lambda sizes, **fields: RunSpec(members=max(sizes), min_members=min(sizes), **fields),
    sizes=st.tuples(st.integers(1, 1000), st.integers(1, 1000)),
    run_id=RUN_IDS,
    created_at=TIMES,
    preset=TEXTS,
    dataset=DATASETS,
    architecture=st.just(notebook_architecture()),
    recipe=RECIPES,
    seed=SEEDS,
    max_attempts=st.integers(1, 100),
)
PROGRESS = st.builds(
    MemberProgress,
    index=st.integers(0, 10),
    attempt=COUNTS,
    trainer=TRAINERS,
    phase=st.sampled_from(["preparing", "training", "scoring", "waiting"]),
    epochs_done=st.integers(0, 10),
    epochs=COUNTS,
    epoch_share=SHARES,
    last=EPOCHS | st.none(),
    best_validation_accuracy=SHARES | st.none(),
    started_at=TIMES,
    updated_at=TIMES,
)
EVALUATIONS = st.builds(
    lambda members, failed, **fields: EnsembleEvaluation(
        members=members, trained=len(members), requested=len(members) + failed, **fields
    ),
    failed=st.integers(0, 3),
    evaluator=TRAINERS,
    evaluated_at=TIMES,
    duration_s=SECONDS,
    members=st.lists(
        st.builds(MemberEvaluation, index=st.integers(0, 9), train=SCORES, test=SCORES, parity=SHARES | st.none()),
        min_size=1,
        max_size=3,
    ).map(tuple),
    train=SCORES,
    test=SCORES,
    confusion=st.just(((5, 1), (0, 4))),
    misclassified=st.lists(
        st.builds(
            Misclassified,
            test_index=st.integers(0, 9),
            actual=st.integers(0, 1),
            predicted=st.integers(0, 1),
            predicted_probability=SHARES,
            actual_probability=SHARES,
        ),
        max_size=2,
    ).map(tuple),
    probabilities_sha256=HASHES,
)
FAILURES = st.builds(RunFailure, requested=COUNTS, trained=st.integers(0, 9), reason=TEXTS, failed_at=TIMES)

NOTES = st.builds(member.AttemptNote, host=TEXTS, process_id=COUNTS, started_at=TIMES)

ALL = [RUN_SPECS, MEMBER_SPECS, RECORDS, PROGRESS, EVALUATIONS, FAILURES, NOTES]
TYPES = [
    kind
    for module in (dataset, evaluation, member, progress, run, run_end)
    for kind in vars(module).values()
    if isinstance(kind, type) and kind.__module__ == module.__name__
]


@given(message=st.one_of(ALL))
def test_every_message_comes_back_from_json_as_it_was(message):
    assert type(message).decode(message.encode(), "there") == message


@given(message=st.one_of(ALL), data=st.data())
def test_a_message_without_one_of_its_needed_fields_names_it(message, data):
    needed = [name for name, field in type(message).model_fields.items() if field.is_required()]
    name = data.draw(st.sampled_from(needed))
    fields = {key: value for key, value in message.model_dump(mode="json").items() if key != name}

    with pytest.raises(MessageDecodeError, match=f"^there: {name}: field required"):
        type(message).parse(fields, "there")


@given(message=st.one_of(ALL))
def test_a_message_with_a_field_too_many_names_it(message):
    with pytest.raises(MessageDecodeError, match=r"^there: unknown option 'extra'; "):
        type(message).parse(message.model_dump(mode="json") | {"extra": 1}, "there")


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_every_message_is_frozen_and_closed(kind):
    assert issubclass(kind, Message)
    assert kind.model_config["frozen"]
    assert kind.model_config["extra"] == "forbid"


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_a_message_holds_nothing_but_plain_data(kind):
    for name, field in kind.model_fields.items():
        assert plain(field), f"{kind.__name__}.{name}"


def plain(field: FieldInfo | object) -> bool:
    """Whether a field can hold numbers, text, times and other messages only; nothing that could be code."""
    kind = field.annotation if isinstance(field, FieldInfo) else field
    origin = get_origin(kind)
    if origin is Literal or kind in (int, float, bool, str, datetime, type(None), Ellipsis):
        return True
    if origin is Annotated:
        return plain(get_args(kind)[0])
    if origin in (tuple, dict, Union) or isinstance(kind, UnionType):
        return all(plain(part) for part in get_args(kind))
    return isinstance(kind, type) and (issubclass(kind, Message) or kind.__name__ == "AwareDatetime")


def example(strategy: st.SearchStrategy[Message], **changes: object) -> dict[str, object]:
    found: list[BaseModel] = []
    hypothesis.settings(max_examples=1)(given(strategy)(lambda message: found.append(message)))()
    return found[0].model_dump(mode="json") | changes


@pytest.mark.parametrize(
    ("kind", "strategy", "changes", "sentence"),
    [
        (RunSpec, RUN_SPECS, {"protocol": 2}, r"it is of deepchord .* \(protocol 2\), but this is .* \(protocol 1\)"),
        (RunSpec, RUN_SPECS, {"run_id": "../up"}, r"run_id: .*pattern.*found '\.\./up'"),
        (RunSpec, RUN_SPECS, {"run_id": "line\n"}, "run_id: .*pattern"),
        (RunSpec, RUN_SPECS, {"members": 2, "min_members": 3}, "min_members is 3, more than the 2 members of the run"),
        (RunSpec, RUN_SPECS, {"members": 10**9}, "members: .*less than or equal to 100000"),
        (RunSpec, RUN_SPECS, {"seed": 2**32}, "seed: .*less than 4294967296"),
        (RunSpec, RUN_SPECS, {"created_at": "2026-01-01T00:00:00"}, "created_at: .*timezone"),
        (MemberSpec, MEMBER_SPECS, {"index": -1}, "index: .*greater than or equal to 0, found -1"),
        (MemberRecord, RECORDS, {"member": {"status": "gone"}}, "member: .*'gone'.*'trained', 'failed'"),
        (RunFailure, FAILURES, {"trained": None}, "trained: .*integer.*found None"),
    ],
)
def test_a_value_out_of_range_is_refused_with_what_was_expected(kind, strategy, changes, sentence):
    with pytest.raises(MessageDecodeError, match=f"^there: {sentence}"):
        kind.parse(example(strategy, **changes), "there")


@given(member=TRAINED, seconds=st.integers(0, 10**6))
def test_how_long_a_member_took_is_the_time_from_its_start_to_its_end(member, seconds):
    start = datetime(2026, 1, 1, tzinfo=UTC)

    taken = member.model_copy(update={"started_at": start, "finished_at": start + timedelta(seconds=seconds)})

    assert taken.duration_s == seconds


@given(evaluation=EVALUATIONS)
def test_the_mean_member_is_never_better_than_the_best(evaluation):
    assert evaluation.mean_member_accuracy <= evaluation.best_member_accuracy + 1e-12


@given(dataset=DATASETS)
def test_a_data_set_has_as_many_classes_as_names(dataset):
    assert dataset.classes == len(dataset.class_names)


@pytest.mark.parametrize(
    "measured",
    [
        {"validation_accuracy": 0.5},
        {"train_accuracy": 0.5},
        {"train_error": 1.0},
        {"train_accuracy": 0.5, "validation_error": 1.0},
        {"train_accuracy": 0.5, "validation_accuracy": 0.5, "train_error": 1.0},
        {},
    ],
)
def test_an_epoch_has_both_accuracies_or_both_errors(measured: dict[str, float]):
    with pytest.raises(ValidationError, match="an epoch has either train_accuracy and validation_accuracy, or"):
        EpochMetrics(train_loss=1.0, validation_loss=1.0, duration_s=1.0, **measured)
