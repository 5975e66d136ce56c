"""What those who follow a run note about it: whom they have told, and what it is called in trackers of experiments."""

from deepchord.shared.storage.followers.follower_store import Claim, FollowerStore

__all__ = ["Claim", "FollowerStore"]
