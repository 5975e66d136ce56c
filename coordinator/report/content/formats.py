"""How numbers are written, the same in the terminal and on the page."""

from deepchord.shared.messages import FailedMember, Trainer

LOSS_DIGITS = 5
ACCURACY_DIGITS = 4
SECONDS_DIGITS = 1

_NO_BREAK_SPACE = "\u00a0"
_MINUS = "\u2212"


def percent(share: float, digits: int = 2) -> str:
    """Return a share in [0, 1] as percent, `93.55 %`."""
    return f"{100 * share:.{digits}f}{_NO_BREAK_SPACE}%"


def percent_range(low: float, high: float, digits: int = 2) -> str:
    """Return two shares in [0, 1] as a range of percents, `92.98 to 93.95 %`."""
    return f"{100 * low:.{digits}f} to {percent(high, digits)}"


def points(difference: float) -> str:
    """Return a difference of shares as signed percentage points, `+1.85`."""
    text = f"{abs(100 * difference):.2f}"
    if float(text) == 0:
        return f"±{text}"
    return f"+{text}" if difference > 0 else f"{_MINUS}{text}"


def duration(seconds: float) -> str:
    """Return a duration in words: `41 s`, `12 min 5 s`, `1 h 47 min`."""
    if seconds < 10:
        return f"{seconds:.1f}{_NO_BREAK_SPACE}s"
    whole = round(seconds)
    if whole < 60:
        return _joined((whole, "s"))
    if whole < 3600:
        return _joined((whole // 60, "min"), (whole % 60, "s"))
    minutes = round(whole / 60)
    return _joined((minutes // 60, "h"), (minutes % 60, "min"))


def count(number: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun in the singular or plural: `1 member`, `10,000 images`, `2 classes`."""
    return f"{number:,}{_NO_BREAK_SPACE}{noun if number == 1 else nouns or f'{noun}s'}"


def place_of(trainer: Trainer) -> str:
    """Return where something ran: `on gpu-box (torch, cuda:0)`."""
    return f"on {trainer.host} ({trainer.engine}, {trainer.device})"


def failure_of(member: FailedMember) -> str:
    """Return in words in which attempt and where a member failed, as far as that is known."""
    attempt = f" in attempt {member.attempt}" if member.attempt else ""
    return f"failed{attempt}{f', {place_of(member.trainer)}' if member.trainer else ''}"


def _joined(*parts: tuple[int, str]) -> str:
    shown = [part for position, part in enumerate(parts) if part[0] or position == 0]
    return " ".join(f"{number}{_NO_BREAK_SPACE}{unit}" for number, unit in shown)
