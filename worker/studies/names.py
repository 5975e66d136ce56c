"""The name of a study: whether one that was given can be one, and what it is if none was given."""

from collections.abc import Iterator

from deepchord.shared.errors import InputError
from deepchord.shared.messages import DatasetInfo, UnseenInfo, is_study_name


def check_name(name: str | None) -> None:
    """Raise `InputError` unless a name is one that a study can have."""
    if name is not None and not is_study_name(name):
        raise InputError(
            f"{name!r} cannot be the name of a study: expected up to 64 small letters, digits and hyphens, like "
            "'digits-1'."
        )


def made_name(
    engine: str, extension: int, dataset: DatasetInfo | None, unseen: UnseenInfo | None, *, shifts: bool
) -> str:
    """Return a name that tells what is looked at: `jax-digits-shifts`.

    Args:
        engine: What evaluates: an engine, or `worker`.
        extension: How many times the run was extended before.
        dataset: The data set whose test images replace the run's; None: those are looked at.
        unseen: The images of kinds that the members were not trained on; None: none.
        shifts: Whether shifted test images are looked at.
    """

    def parts() -> Iterator[str]:
        yield engine
        if extension:
            yield f"extension-{extension}"
        if dataset is not None:
            yield f"on-{dataset.name}"
        if unseen is not None:
            yield unseen.name
        if shifts:
            yield "shifts"

    letters = (letter if letter.isascii() and letter.isalnum() else "-" for letter in "-".join(parts()).lower())
    return "-".join(part for part in "".join(letters).split("-") if part)[:64].rstrip("-")
