# SPDX-License-Identifier: MIT
"""mutants - read tests/mutants.txt; its head says what is in there"""

import collections
import os
import re

from env import SRCDIR

TABLE = os.path.join(SRCDIR, "tests", "mutants.txt")

# name: ID and words; edits: [(file, old lines, new lines)]; line: where in the table
Mutant = collections.namedtuple("Mutant", "name test fails edits line")


def read(path=TABLE):
    """All mutants of the table, in its order."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    found = []
    for stanza in re.split(r"(?<=\n)\n+", text):
        lines = [s for s in stanza.splitlines() if s and not s.startswith("#")]
        if lines:
            found.append(parse(lines, text[:text.index(stanza)].count("\n") + 1))
    return found


def parse(lines, number):
    """One mutant."""
    words, edits = {}, []
    for text in lines[1:]:
        if text[0] in "-+":
            assert edits, f"line {number}: {text!r} belongs to no file"
            edits[-1][1 + (text[0] == "+")].append(text[1:])
            continue
        key, _, value = text.partition(" ")
        if key == "in":
            edits.append((value, [], []))
        else:
            assert key in ("test", "fails") and key not in words, f"line {number}: {text!r}"
            words[key] = value
    assert set(words) == {"test", "fails"} and edits, f"line {number}: not a mutant"
    assert re.match(r"[A-Za-z]+\d* \S", lines[0]), f"line {number}: {lines[0]!r}"
    return Mutant(lines[0], words["test"], words["fails"], edits, number)


def apply(text, old, new):
    """The text with those whole lines replaced; fails unless they are there exactly once."""
    was, now = ("\n" + "".join(f"{line}\n" for line in lines) for lines in (old, new))
    count = ("\n" + text).count(was)
    assert old and count == 1, f"{count} times: {was.strip()!r}"
    return ("\n" + text).replace(was, now)[1:]


def mutate(mutant, srcdir=SRCDIR):
    """{file: its text with the mutant's edits}."""
    texts = {}
    for path, old, new in mutant.edits:
        if path not in texts:
            with open(os.path.join(srcdir, path), encoding="utf-8") as f:
                texts[path] = f.read()
        try:
            texts[path] = apply(texts[path], old, new)
        except AssertionError as e:
            raise AssertionError(f"{mutant.name}: {path}: {e}") from None
    return texts
