# SPDX-License-Identifier: MIT
"""root - a root of its own for some processes: a copy of this system, gone when they end

    root = Root(env, share={env.mkdir("share"): "/mnt"})
    root.run(["rpm", "-i", "/mnt/x.rpm"])

Like a container: mounts, processes and IPC are its own, and what it writes goes to memory.
Only what is in a shared directory comes in and goes out.  Network and users are the ones
outside.  For what takes an Env, such as Helper and Postfix, it is one: they run in there.
"""

import os

import tap
from env import children, identity, wait_for

BEGIN = r"""
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o lowerdir=/,upperdir="$1/upper",workdir="$1/work" overlay "$1/root"
root=$1/root
shift
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
while [ $# -gt 0 ]; do
	mkdir -p "$root$2"
	mount --bind "$1" "$root$2"
	shift 2
done
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
cd "$root"
mkdir -p mnt/outside
pivot_root . mnt/outside
umount -l mnt/outside
echo ready >/run/ready
exec sleep infinity
"""


class Root:
    """One root, there when the constructor returns; needs root itself.

    share   {directory outside: where it is inside}
    """

    def __init__(self, env, share=None):
        tap.need(os.geteuid() == 0, "uid 0")
        tap.require("unshare", "nsenter", "pivot_root", "setpriv")
        self.env = env
        name = env.name("root")
        words = [word for pair in (share or {}).items() for word in pair]
        self.process = env.start(name, [
            "unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child",
            "sh", "-c", BEGIN, "sh", env.mkdir(name), *words])
        self.pid = 0
        env.cleanup(self._end)
        wait_for(self._ready, 20, "the root")

    def _ready(self):
        if not self.process.alive():
            tap.skip("no namespaces, or no overlays, here: " + self.process.log().strip())
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as f:
            pids = f.read().split()
        self.pid = int(pids[0]) if pids else 0
        return self.pid and os.path.exists(self.outside("/run/ready"))

    def _end(self):
        self.process.kill()
        if self.pid:
            wait_for(self._gone, 10, "the root's end")

    def _gone(self):
        """Whether its first process is; the dead that became ours would hold it up."""
        for pid in set(children()) - {process.pid for process in self.env.processes}:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
        return not os.path.exists(f"/proc/{self.pid}")

    def __getattr__(self, name):
        return getattr(self.env, name)

    def outside(self, path):
        """A file of the root, seen from here."""
        return f"/proc/{self.pid}/root{path}"

    def words(self, uid=None):
        """The words that run a command in there, as a user of this system."""
        enter = ["nsenter", "-t", str(self.pid), "-m", "-p", "-i"]
        if uid is not None:
            who = identity(uid)
            enter += ["setpriv", "--reuid", str(who["user"]), "--regid", str(who["group"]), "--clear-groups"]
        return enter

    def run(self, cmd, uid=None, **how):
        """Run a program in there to its end; see Env.run."""
        return self.env.run([*self.words(uid), *cmd], **how)

    def start(self, name, cmd, uid=None, **how):
        """Start a process in there; see Env.start."""
        return self.env.start(name, [*self.words(uid), *cmd], **how)
