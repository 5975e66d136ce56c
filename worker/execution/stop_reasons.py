"""Why an attempt must stop although nothing failed; raised in the middle of its work."""


class AttemptEnded(Exception):  # noqa: N818  no error: the attempt is stopped on purpose
    """The attempt must stop; raised at its next step."""


class MemberTaken(AttemptEnded):
    """Another process works on the member or the evaluation, or the member has its record already."""


class RunCancelled(AttemptEnded):
    """The run was cancelled, or it has failed."""


class WorkerLeaving(AttemptEnded):
    """This worker was told to stop."""
