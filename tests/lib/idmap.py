# SPDX-License-Identifier: MIT
"""idmap - run a command in a user namespace of its own, with maps of what its uids are"""

CLONE_NEWUSER = 0x10000000

# Run argv[3:] as (uid, gid) argv[2] of a new user namespace with the maps argv[1], one
# "inside outside count" a line; another process, which stays outside, writes them.
ENTER = f"""
import ctypes, os, sys
ids, who = sys.argv[1].encode(), int(sys.argv[2])
ready, done = os.pipe(), os.pipe()
parent = os.getpid()
if os.fork() == 0:
    os.close(ready[1])
    if not os.read(ready[0], 1):
        os._exit(1)
    for name in "uid_map", "gid_map":
        with open(f"/proc/{{parent}}/{{name}}", "wb", 0) as f:
            f.write(ids)
    os.write(done[1], b"x")
    os._exit(0)
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare({CLONE_NEWUSER}) < 0:
    sys.exit("unshare: " + os.strerror(ctypes.get_errno()))
os.write(ready[1], b"x")
os.close(done[1])
if os.read(done[0], 1) != b"x":
    sys.exit("no maps")
os.wait()
os.setgroups([])
os.setresgid(who, who, who)
os.setresuid(who, who, who)
os.execvp(sys.argv[3], sys.argv[3:])
"""


def in_namespace(maps, who):
    """The words that run a command as `who` inside, with maps of (inside, outside, count)."""
    text = "\n".join(" ".join(map(str, row)) for row in maps)
    return ["/usr/bin/python3", "-c", ENTER, text, str(who)]
