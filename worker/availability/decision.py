"""Decides whether workers may use this machine now: pure functions of what was observed of it."""

from dataclasses import dataclass
from datetime import time

from deepchord.shared.settings import Hours, Settings

#: For so long nothing but keyboard and mouse must have kept workers away before they begin, in seconds.
_SETTLE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Terms:
    """On which terms workers may use this machine."""

    when_idle: bool = False
    #: For how long keyboard and mouse must have been left alone, in seconds.
    idle_s: float = 300.0
    #: How many cores all other programs may keep busy together.
    load_limit: float = 0.5
    hours: Hours | None = None
    #: After how many seconds the workers end; None: never.
    end_after_s: float | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Terms":
        """Return the terms that settings name."""
        return cls(
            when_idle=settings.when_idle,
            idle_s=settings.idle_s,
            load_limit=settings.load_limit,
            hours=None if settings.hours is None else Hours.parse(settings.hours),
            end_after_s=settings.end_after_s,
        )

    @property
    def settle_s(self) -> float:
        """For how long load, power and GPU must have been as they are to be, in seconds."""
        return min(_SETTLE_S, self.idle_s)


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What is known of this machine at one moment; None: it cannot be known here, or not yet."""

    #: Seconds since the command began.
    elapsed_s: float
    #: The time of day here.
    time_of_day: time
    #: Seconds since keyboard or mouse were used.
    input_idle_s: float | None = None
    #: How many cores other programs keep busy.
    load_of_others: float | None = None
    #: Whether the machine runs on mains, not on its battery.
    on_mains: bool | None = None
    #: The other programs that compute on its GPU.
    gpu_users: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Work:
    """Workers may train."""


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Workers hand their members over, if they have any, and wait."""

    #: What they wait for, after "waits".
    reason: str


@dataclass(frozen=True, kw_only=True)
class End:
    """Workers hand their members over and end."""

    reason: str


Decision = Work | Wait | End


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What was decided, and what the next decision has to know."""

    decision: Decision
    #: When something else than keyboard and mouse last kept workers away, in seconds since the command began.
    in_use_at_s: float


#: Before the first look: nobody knows for how long the machine has been free.
BEGINNING = Standing(decision=Wait(reason="until the machine was looked at"), in_use_at_s=0.0)


def decide(terms: Terms, seen: Observation, before: Standing = BEGINNING) -> Standing:
    """Return what the workers do now.

    Args:
        terms: On which terms they may use the machine.
        seen: What is known of it now.
        before: What the last look came to.
    """
    in_use = _use_by_others(terms, seen) if terms.when_idle else None
    in_use_at_s = before.in_use_at_s if in_use is None else seen.elapsed_s
    return Standing(decision=_decision(terms, seen, in_use, in_use_at_s), in_use_at_s=in_use_at_s)


def _decision(terms: Terms, seen: Observation, in_use: str | None, in_use_at_s: float) -> Decision:
    if terms.end_after_s is not None and seen.elapsed_s >= terms.end_after_s:
        return End(reason="its time is up")
    if terms.hours is not None and not terms.hours.contain(seen.time_of_day):
        return Wait(reason=f"until {terms.hours.start:%H:%M}")
    why = in_use or (_rest(terms, seen, in_use_at_s) if terms.when_idle else None)
    return Work() if why is None else Wait(reason=f"until the machine is free: {why}")


def _use_by_others(terms: Terms, seen: Observation) -> str | None:
    """Return how the machine is used at this moment, apart from keyboard and mouse; None: not at all."""
    if seen.load_of_others is not None and seen.load_of_others > terms.load_limit:
        return f"load of others {seen.load_of_others:.1f}"
    if seen.on_mains is False:
        return "it runs on its battery"
    if seen.gpu_users:
        return f"its GPU is used by {', '.join(seen.gpu_users)}"
    return None


def _rest(terms: Terms, seen: Observation, in_use_at_s: float) -> str | None:
    """Return for how long the machine has been free, if that is not long enough yet."""
    if seen.input_idle_s is not None and seen.input_idle_s < terms.idle_s:
        return f"keyboard or mouse were used {seen.input_idle_s:.0f} s ago, {terms.idle_s:.0f} s are waited for"
    quiet_s = seen.elapsed_s - in_use_at_s
    return f"for {quiet_s:.0f} of {terms.settle_s:.0f} s it has been" if quiet_s < terms.settle_s else None
