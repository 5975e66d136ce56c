"""Inputs that strangers may give: valid ones that were changed, and what may become of them."""

import copy
import math
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from deepchord.coordinator.runs import plan_request, read_requested
from deepchord.shared.command_line import label
from deepchord.shared.datasets import Examination, examine
from deepchord.shared.errors import DeepchordError

#: Processor time after which an input counts as one that never ends; the slowest take a hundredth of it.
_ENDLESS_S = 60.0
_LONGEST_SENTENCE = 3000
_ODD_VALUES = (
    *(None, True, False, 0, 1, -1, 2, 3, 8, 255, 2**31, 2**63, 2**64, -(2**63), 10**400),
    *(0.5, -0.0, 1e-320, 1e308, math.inf, -math.inf, math.nan),
    *("", "relu", "same", "channels_first", "Dense", "classes", "é", "9" * 400, "\0", "\x1b[2J", "\u2028", "a\nb"),
    *([], {}, [None], [3, 3], {"": 1}, {"class_name": "Dense"}, [[[]]]),
)
_ODD_BYTES = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80", b"\0", b"\xff")


class EndlessInput(BaseException):
    """An input that no answer comes to; no handler of the code under test takes it."""


def try_inputs(seeds: Sequence[int], tried: Callable[[random.Random], None]) -> None:
    """Call a test with a generator of each seed: all goes well, or one sentence refuses the input.

    All else fails, also what never ends. The seed is told, and `--fuzz-seed SEED` tries that one input again.
    """
    signal.signal(signal.SIGVTALRM, _stop)
    for seed in seeds:
        signal.setitimer(signal.ITIMER_VIRTUAL, _ENDLESS_S)
        try:
            tried(random.Random(seed))
        except DeepchordError as error:
            sentence = str(error)
            is_printable, ends = label(sentence) == sentence, sentence.endswith((".", "?"))
            is_one = is_printable and ends and len(sentence) <= _LONGEST_SENTENCE
            assert is_one, f"--fuzz-seed {seed}: {sentence!a}"
        except BaseException as error:
            error.add_note(f"--fuzz-seed {seed}")
            raise
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _stop(_signum: int, _frame: object) -> None:
    raise EndlessInput(f"no answer after {_ENDLESS_S:g} seconds of processor time")


def look_at(path: Path, **options: object) -> Examination:
    """Do what `deepchord data` does with a path."""
    return examine(read_requested(plan_request(None, {"dataset": str(path), **options})))


def changed_tree(draw: random.Random, originals: Sequence[Any]) -> Any:
    """Return one of some nested lists and dictionaries, in which a few values are others, are gone, or stand twice."""
    tree = {"root": copy.deepcopy(draw.choice(originals))}
    for _ in range(draw.choice([1, 1, 1, 1, 2, 3])):
        places = list(_places(tree["root"])) or [(tree, "root")]
        inside, key = draw.choice(places)
        match draw.choice(["other", "near", "near", "gone", "twice", "from elsewhere"]):
            case "other":
                inside[key] = copy.deepcopy(draw.choice(_ODD_VALUES))
            case "near":
                inside[key] = _near(draw, inside[key])
            case "gone" if inside is not tree:
                del inside[key]
            case "twice" if isinstance(inside, list):
                inside.insert(key, copy.deepcopy(inside[key]))
            case _:
                there, other = draw.choice(places)
                inside[key] = copy.deepcopy(there[other])
    return tree["root"]


def _near(draw: random.Random, value: Any) -> Any:
    """Return a value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + draw.choice([-1, 1, 7])
    if isinstance(value, float):
        return value * draw.choice([-1.0, 0.0, 10.0, 1e9])
    if isinstance(value, str):
        return value[: draw.randint(0, len(value))] + draw.choice(["", "_1", value])
    return value


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container in a tree with each of its keys."""
    if isinstance(tree, dict | list):
        for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
            yield tree, key
            yield from _places(value)


def damaged(draw: random.Random, originals: Sequence[bytes]) -> bytes:
    """Return one of some files, in which bytes are others, are missing, come twice or come from another one."""
    data = bytearray(draw.choice(originals))
    for _ in range(draw.choice([0, 1, 1, 1, 2, 5])):
        at = draw.randint(0, max(0, len(data) - 1))
        match draw.choice(["byte", "byte", "bit", "bit", "end", "piece", "number", "twice"]):
            case "byte" if data:
                data[at] = draw.randint(0, 255)
            case "bit" if data:
                data[at] ^= 1 << draw.randint(0, 7)
            case "end":
                del data[at:]
            case "piece":
                other = draw.choice(originals)
                begin = draw.randint(0, len(other))
                data[at:at] = other[begin : begin + draw.randint(0, 64)]
            case "number":
                odd = draw.choice(_ODD_BYTES)
                data[at : at + len(odd)] = odd
            case _:
                data[at:at] = data[at : at + draw.randint(1, 64)]
    return bytes(data)
