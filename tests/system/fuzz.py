#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""fuzz - no input that was ever found to matter breaks a reader"""

import glob
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import SRCDIR, built, environment

SEEDS = os.path.join(SRCDIR, "tests", "fuzz", "corpus")
CHANGED = 40    # inputs made of the corpus for each target
BYTES_MAX = 300 * 1024
LEAKS = {"ASAN_OPTIONS": "detect_leaks=1"}


def targets():
    names = sorted(os.path.basename(path)[5:-2]
                   for path in glob.glob(os.path.join(SRCDIR, "tests/fuzz/fuzz-*.c")))
    assert len(names) > 10, names
    return names


def corpus(target):
    paths = sorted(glob.glob(os.path.join(SEEDS, target, "*")))
    inputs = []
    for path in paths:
        with open(path, "rb") as f:
            inputs.append((os.path.basename(path), f.read()))
    return inputs


def run(target, data):
    """What is wrong with a target after it has read these bytes; None: nothing."""
    with tempfile.TemporaryFile() as f:
        f.write(data)
        f.seek(0)
        done = subprocess.run([built(f"tests/fuzz/fuzz-{target}")], stdin=f, check=False,
                              env=environment(LEAKS), capture_output=True, timeout=60)
    if done.returncode == 0 and not done.stdout and not done.stderr:
        return None
    return (f"fuzz-{target} ended with {done.returncode}; its input: {data[:2000]!r}\n"
            + done.stderr.decode(errors="replace")[-4000:])


def change(rng, inputs):
    """An input made of two, with a few bytes changed."""
    a, b = (data for _, data in rng.choices(inputs, k=2))
    made = bytearray(a[:rng.randrange(len(a) + 1)] + b[rng.randrange(len(b) + 1):])
    for _ in range(rng.randrange(4)):
        if made:
            made[rng.randrange(len(made))] = rng.choice(b'\0\x01\t\n\r "\\{}[],=:/%@*.0189azAZ\x7f\xc3\xff')
    return bytes(made)


@tap.promise
def replayed():
    "every input of tests/fuzz/corpus is read without an error, by the reader it is for"
    wrong = []
    for target in targets():
        inputs = corpus(target)
        assert inputs, f"fuzz-{target} has no corpus"
        wrong += [f"{name}: {what}" for name, data in inputs if (what := run(target, data))]
    assert not wrong, "\n".join(wrong[:5])


@tap.promise
def changed():
    "inputs made of these by chance are read without an error, too"
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    tap.note(f"seed {seed}")
    rng = random.Random(seed)
    wrong = []
    for target in targets():
        inputs = corpus(target)
        wrong += filter(None, (run(target, change(rng, inputs)) for _ in range(CHANGED)))
    assert not wrong, "\n".join(wrong[:5])


@tap.promise
def small():
    "the corpus stays small, and has no directory without a target"
    sizes = [os.path.getsize(path) for path in glob.glob(SEEDS + "/*/*")]
    assert sizes and sum(sizes) < BYTES_MAX and len(sizes) < 500, (sum(sizes), len(sizes))
    assert sorted(os.listdir(SEEDS)) == targets()


tap.main()
