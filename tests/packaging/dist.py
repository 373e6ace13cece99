#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""dist - "make dist" gives the same bytes whoever runs it, when and where"""

import hashlib
import os
import shutil
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import SRCDIR

MASKS = {"a": 0o077, "b": 0o002}


class World:
    """A checkout and its first archive."""

    def __init__(self, env):
        if not os.path.exists(os.path.join(SRCDIR, ".git")):
            tap.skip("not in a checkout of git")
        self.env = env
        self.checkout = env.path("checkout")
        self.run(["git", "clone", "--quiet", SRCDIR, self.checkout], MASKS["a"])
        self.run([self.checkout + "/bootstrap"], MASKS["a"], LC_ALL="C")
        self.configure(self.checkout, self.checkout)
        self.first = self.dist(self.checkout, MASKS["a"], TZ="Asia/Tokyo", LC_ALL="C")

    def run(self, words, mask, **environment):
        done = self.env.run(["sh", "-c", 'umask "$0"; exec "$@"', f"{mask:o}", *words],
                            env={"HOME": self.env.dir, **environment}, timeout=300)
        assert done.rc == 0, done

    def configure(self, source, where):
        """Run configure; what it finds out is the same each time."""
        cache = self.env.path("config.cache")
        done = self.env.run([source + "/configure", "--quiet", "--cache-file=" + cache], cwd=where,
                            timeout=300)
        assert done.rc == 0, done

    def dist(self, where, mask, **environment):
        """Make an archive; returns its path."""
        self.run(["make", "-s", "-C", where, "dist"], mask, **environment)
        name, = (name for name in os.listdir(where) if name.endswith(".tar.xz"))
        return shutil.move(os.path.join(where, name), self.env.path(self.env.name("archive")))


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


@tap.promise
def twice(w):
    "from one checkout: later, with other times of the files, another umask, locale and zone"
    for where, _, names in os.walk(w.checkout):
        for name in names if ".git" not in where else ():
            os.utime(os.path.join(where, name), (1.7e9, 1.7e9), follow_symlinks=False)
    again = w.dist(w.checkout, MASKS["b"], TZ="America/Lima", LC_ALL="C.UTF-8", XZ_OPT="-1 -T4")
    assert digest(again) == digest(w.first)


@tap.promise
def from_itself(w):
    "from the archive itself, built out of its tree"
    unpacked = w.env.mkdir("unpacked")
    done = w.env.run(["tar", "-C", unpacked, "-xf", w.first])
    assert done.rc == 0, done
    source, = os.scandir(unpacked)
    where = w.env.mkdir("build")
    w.configure(source.path, where)
    assert digest(w.dist(where, MASKS["b"], LC_ALL="C.UTF-8")) == digest(w.first)


@tap.promise
def members(w):
    "its files are root's, dated by the last commit, and nobody else may write them"
    with tarfile.open(w.first) as archive:
        found = {(m.uid, m.gid, m.mode, m.mtime) for m in archive.getmembers()}
    when = int(w.env.run(["git", "-C", w.checkout, "log", "-1", "--format=%ct"]).stdout)
    assert found == {(0, 0, 0o644, when), (0, 0, 0o755, when)}, found


tap.main(World, programs=["git", "autoreconf", "xz"], timeout=600)
