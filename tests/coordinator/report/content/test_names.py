from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from deepchord.coordinator.report.content import elided, isolated, short_names

PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=60).filter(
    lambda name: name.isprintable() and cell_len(name) > 0
)


def test_a_long_name_loses_its_middle_because_its_end_tells_it_from_others() -> None:
    assert elided("the very long class name of thing number 8", 24) == "the very\N{HORIZONTAL ELLIPSIS}number 8"
    assert elided("extraordinarily", 9) == "extr\N{HORIZONTAL ELLIPSIS}rily"
    assert elided("Ankle boot", 24) == "Ankle boot"


def test_names_that_would_look_alike_carry_their_number() -> None:
    alike = [f"the beginning is the same {word} and so is the long end of it" for word in ("one", "two")]

    first, second, other = short_names([*alike, "coat"], 24)

    assert (first[-3:], second[-3:], other) == (" #0", " #1", "coat")


def test_what_belongs_together_is_not_cut_apart() -> None:
    family = "\U0001f469\u200d\U0001f469\u200d\U0001f467"

    assert elided(family * 10, 9) == f"{family * 2}\N{HORIZONTAL ELLIPSIS}{family * 2}"
    assert elided("e\u0301" * 10, 5) == "e\u0301" * 2 + "\N{HORIZONTAL ELLIPSIS}" + "e\u0301" * 2


def test_only_names_from_right_to_left_are_isolated() -> None:
    assert isolated("coat") == "coat"
    assert isolated("\u05de\u05e2\u05d9\u05dc") == "\u2068\u05de\u05e2\u05d9\u05dc\u2069"


@given(names=st.lists(PRINTABLE, min_size=1, max_size=12, unique=True), cells=st.integers(8, 40))
def test_short_names_are_short_and_as_different_as_the_names(names: list[str], cells: int) -> None:
    short = short_names(names, cells)

    assert all(cell_len(name) <= cells for name in short)
    cut = [name for name, whole in zip(short, names, strict=True) if name != whole]
    assert len(set(cut)) == len(cut)
    assert all(name == whole for name, whole in zip(short, names, strict=True) if cell_len(whole) <= cells - 4)
