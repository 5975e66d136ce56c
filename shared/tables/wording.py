"""What a report calls the things that are classified: images, or the rows of a table."""

import re

#: The word in texts of deepchord's own, and not in names of files, fields or styles.
_IMAGES = re.compile(r"(?<![\w.:-])(an )?([Ii])mage(s?)(?![\w=-])")


def in_rows(text: str) -> str:
    """Return a text of deepchord's own that speaks of images as one that speaks of rows."""
    return _IMAGES.sub(lambda found: f"{'a ' if found[1] else ''}{'R' if found[2] == 'I' else 'r'}ow{found[3]}", text)
