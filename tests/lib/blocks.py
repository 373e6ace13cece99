# SPDX-License-Identifier: MIT
"""blocks - the fenced blocks of the documentation, and what the comment before each says

    <!-- run: STORY... [as USER] -->   commands that a test runs, in the story's world
    <!-- file: STORY... PATH -->       a file that is written there; >>PATH: added to it
    <!-- output: STORY... [PATH] -->   lines that the commands before it print, or that are in
                                       a file now; ... is anything
    <!-- account -->                   an account file that tests/system/recipes.py checks
    <!-- shown -->                     a picture, a format, the output of other programs
    <!-- not run here: REASON -->      commands and files that no test can run

tests/system/guides.py runs them, as they are printed but for the words in WORDS.
"""

import collections
import glob
import os
import re
import textwrap

from env import SRCDIR

MARKDOWN = sorted(
    [os.path.join(SRCDIR, name) for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
    + glob.glob(os.path.join(SRCDIR, "doc", "*.md")))
KINDS = ("run", "file", "output", "account", "shown", "not run here")
FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>\w*)\n(?P<text>.*?)"
                   r"^(?P=indent)(?P=fence)$", re.S | re.M)
MARK = re.compile(r"^ *(?:\d+\. )?<!-- (" + "|".join(KINDS) + r")(?:: (.*))? -->$")

Block = collections.namedtuple("Block", "where kind stories detail language text")
Block.__doc__ = """One block.

    where    file:line
    kind     of KINDS, or None without a mark
    stories  the names of the stories it belongs to
    detail   the user of run, the path of file or output, the reason of not run here
    """


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def details(kind, words):
    """(stories, detail) of a mark."""
    if kind == "run":
        stories, _, user = words.partition(" as ")
        return stories.split(), user or "root"
    if kind == "file":
        *stories, path = words.split()
        return stories, path
    if kind == "output":
        names = words.split()
        return [n for n in names if "/" not in n], "".join(n for n in names if "/" in n)
    return [], words


def blocks(path):
    """The fenced blocks of a Markdown file, in order."""
    text, found = read(path), []
    for match in FENCE.finditer(text):
        before = text[:match.start()].splitlines()
        mark = MARK.match(before[-1]) if before else None
        kind, words = mark.groups() if mark else (None, "")
        found.append(Block(f"{os.path.relpath(path, SRCDIR)}:{len(before) + 1}", kind,
                           *details(kind, words or ""), match["language"],
                           textwrap.dedent(match["text"])))
    return found


def indented(path):
    """The places of blocks that are indented instead of fenced: they can have no mark."""
    text = FENCE.sub(lambda match: "`\n" * match[0].count("\n") + "`", read(path))
    return [f"{os.path.relpath(path, SRCDIR)}:{text.count(chr(10), 0, match.end()) + 1}"
            for match in re.finditer(r"\n\n(?= {4,}(?![-*] |\d+\. )\S)", text)]


def every():
    """The blocks of all documentation."""
    return [block for path in MARKDOWN for block in blocks(path)]


def story(name):
    """The blocks of one story, in order of their files; there is at least one."""
    found = [block for block in every() if name in block.stories]
    assert found, name
    return found
