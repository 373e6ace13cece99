# SPDX-License-Identifier: MIT
"""programs - what tools/programs made for the tests: programs that are no package here"""

import os
import sysconfig

import tap
from env import SRCDIR

PROGRAMS = os.path.join(SRCDIR, "build", "programs")


class Program:
    """One of them; the promise is skipped where it is not there.

    dir          where it is unpacked or built
    version      of the package
    environment  what it needs to find its libraries
    """

    def __init__(self, name):
        self.dir = os.path.join(PROGRAMS, name)
        stamp = os.path.join(self.dir, ".stamp")
        tap.need(os.path.exists(stamp), f"{self.dir} (tools/programs {name})")
        with open(stamp, encoding="utf-8") as f:
            self.version = f.readline().strip()
        multiarch = sysconfig.get_config_var("MULTIARCH") or ""
        self.environment = {"LD_LIBRARY_PATH": ":".join(
            os.path.join(self.dir, top, multiarch) for top in ("usr/lib", "lib"))}

    def path(self, *parts):
        """A file of it, such as path("usr/sbin/exim4")."""
        path = os.path.join(self.dir, *parts)
        assert os.path.exists(path), f"{path} is not there; run tools/programs"
        return path
