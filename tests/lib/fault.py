# SPDX-License-Identifier: MIT
"""fault - a daemon whose Nth call of a kind fails, when the test says so

Uses tests/fault/libfault.c, preloaded.  The spawner has it too; the children have no
environment and so nothing of it.
"""

import errno
import mmap
import os
import struct

from env import built
from helper import Helper

# as in libfault.c: kind -> what its calls fail with
KINDS = {
    "open": (errno.EMFILE, errno.ENOSPC, errno.EROFS, errno.EIO),
    "read": (errno.EIO,),
    "write": (errno.ENOSPC, errno.EIO, errno.EFBIG, 0),     # 0: half of it is written
    "fsync": (errno.EIO, errno.ENOSPC),
    "rename": (errno.ENOSPC, errno.EROFS, errno.EIO),
    "unlink": (errno.EROFS, errno.EIO),
    "close": (errno.EIO, errno.ENOSPC),
    "flock": (errno.ENOLCK,),
    "truncate": (errno.EIO,),
    "pipe": (errno.EMFILE, errno.ENFILE),
    "socket": (errno.EMFILE,),
    "accept": (errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    "send": (errno.ENOBUFS, errno.EPIPE),
    "receive": (errno.ECONNRESET, errno.ENOMEM),
    "epoll": (errno.ENOMEM, errno.ENOSPC),
    "memory": (errno.ENOMEM,),
    "thread": (errno.EAGAIN,),
    "fork": (errno.EAGAIN, errno.ENOMEM),
}
FORMAT = struct.Struct("6i")            # role, from, count, error, calls, hits
SPAWNER = ("fork",)                     # that is who forks, once all runs
FOREVER = 1 << 30


class Faulty(Helper):
    """A helper with faults; there are none before fail()."""

    def __init__(self, env, *args, **options):
        super().__init__(env, *args, **options)
        path = env.write(self.name + ".faults", "\0" * len(KINDS) * FORMAT.size, 0o666)
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 0)
        env.cleanup(self.file.close)
        self.environment = {**self.environment, "FAULT_FILE": path,
                            "LD_PRELOAD": built("tests/fault/.libs/libfault.so")}
        for kind in KINDS:
            self.fail(kind, 0)

    def fail(self, kind, first, error=errno.EIO, count=1, role=None):
        """From now on the call with that number (0: none) fails, and count - 1 after it.

        role  whose calls: 0 the daemon's, 1 the spawner's; None: of who makes them
        """
        role = int(kind in SPAWNER) if role is None else role
        FORMAT.pack_into(self.map, list(KINDS).index(kind) * FORMAT.size,
                         role, first, count, error, 0, 0)

    def calls(self, kind):
        """How many there were since fail()."""
        return FORMAT.unpack_from(self.map, list(KINDS).index(kind) * FORMAT.size)[4]

    def hits(self, kind):
        """How many of them have failed."""
        return FORMAT.unpack_from(self.map, list(KINDS).index(kind) * FORMAT.size)[5]

    def descriptors(self):
        """How many the daemon has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))
