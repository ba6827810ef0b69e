"""What a label is held to, wherever it comes from: one line of text, and a short one."""

import unicodedata

LONGEST = 60  # characters


def is_line(value, longest=LONGEST):
    """Whether this is text of at most so many characters, none of them a control character."""
    return isinstance(value, str) and len(value) <= longest and not any(map(is_control, value))


def is_control(character):
    """Control characters, half characters, and the two Unicode line ends."""
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
