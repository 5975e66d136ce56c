from deepchord.shared.messages import RunFailure
from tests.shared.storage.examples import NOW, evaluation, run_spec


def test_the_first_evaluation_of_a_run_stays_with_its_probabilities(store):
    assert store.evaluation(run_spec()).result() is None

    assert store.evaluation(run_spec()).commit_result(evaluation(b"first"), b"first")
    assert not store.evaluation(run_spec()).commit_result(evaluation(b"second", accuracy=0.1), b"second")

    committed = store.evaluation(run_spec()).result()
    assert committed == evaluation(b"first")
    assert store.evaluation(run_spec()).probabilities(committed.probabilities_sha256) == b"first"


def test_the_first_failure_of_a_run_stays(store):
    failures = [RunFailure(requested=3, trained=1, reason=reason, failed_at=NOW) for reason in ("first", "second")]
    assert store.evaluation(run_spec()).failure() is None

    assert store.evaluation(run_spec()).commit_failure(failures[0])
    assert not store.evaluation(run_spec()).commit_failure(failures[1])

    assert store.evaluation(run_spec()).failure() == failures[0]


def test_an_attempt_at_the_evaluation_shows_how_it_ended(store):
    run = run_spec()
    for _ in range(3):
        store.evaluation(run).start_attempt(b"me")
    store.evaluation(run).fail_attempt(1)
    store.evaluation(run).hand_over(2)

    found = [(attempt.number, attempt.failed, attempt.handed_over) for attempt in store.evaluation(run).attempts()]

    assert found == [(1, True, False), (2, False, True), (3, False, False)]
    assert not store.evaluation(run).has_ended()
    extended = run.model_copy(update={"members": run.members + 1, "extension": 1})
    assert store.evaluation(extended).attempts() == ()
