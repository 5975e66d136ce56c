"""What a report calls the things that are classified: images, or the rows of a table."""

import re
from collections.abc import Mapping

from deepchord.shared.messages import DropReason

#: Why a column is left out: "it is …".
DROP_WORDS: Mapping[DropReason, str] = {
    "constant": "the same in all rows",
    "empty": "empty",
    "identifier": "an identifier or prose, nearly each row has its own",
    "row_number": "the number of the row",
}
#: The word in texts of deepchord's own, and not in names of files, fields, styles, or columns in quotes.
_IMAGES = re.compile(r"(?<![\w.:'-])(an )?([Ii])mage(s?)(?![\w=-])")


def in_rows(text: str) -> str:
    """Return a text of deepchord's own that speaks of images as one that speaks of rows.

    It must hold no names that are not in quotes: a class may be called `image`.
    """
    return _IMAGES.sub(lambda found: f"{'a ' if found[1] else ''}{'R' if found[2] == 'I' else 'r'}ow{found[3]}", text)
