"""Records of members, put into storage as workers do it."""

from deepchord.shared.messages import MemberRecord
from deepchord.shared.storage import RunStore


def commit_record(store: RunStore, record: MemberRecord) -> bool:
    """Commit a record where it belongs, as its own spec says."""
    spec = record.member.spec
    return store.member(spec.run_id, spec.index).commit_record(record)
