# SPDX-License-Identifier: MIT
"""setup - what "sasl-bearer setup" prints, as the files it describes"""

import os
import re

HEADING = re.compile(r"^# ---- (.*) ----\n", re.M)


def files(text):
    """{heading: text} of its files; the blank line before a heading is of no file."""
    first, *parts = HEADING.split(text)
    assert not first.strip(), first
    found = {}
    for heading, body in zip(parts[::2], parts[1::2]):
        found[heading] = found.get(heading, "") + body.rstrip("\n") + "\n"
    return found


def setup(helper, program, user, *options, **how):
    """files() of what setup prints; how: of Helper.cli()."""
    done = helper.cli("setup", *options, program, user, **how)
    assert done.rc == 0 and not done.stderr, done
    return files(done.stdout)


def install(home, found, mode=0o600):
    """Write the files that have a name in the home directory; returns {heading: path}."""
    written = {}
    for heading, text in found.items():
        if not heading.startswith("~/"):
            continue
        path = os.path.join(home, heading[2:])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        written[heading] = path
    return written
