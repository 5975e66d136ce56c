"""Why an attempt is not to go on, although nothing failed; raised in the middle of its work."""


class AttemptEnded(Exception):  # noqa: N818  not an error: somebody decided that this attempt is not to go on
    """An attempt is not to go on; raised at the next step."""


class MemberTaken(AttemptEnded):
    """Another process works at the member or the evaluation, or the member's record lies in storage."""


class RunCancelled(AttemptEnded):
    """Somebody cancelled the run, or it has failed."""


class WorkerLeaving(AttemptEnded):
    """This worker was told to stop."""
