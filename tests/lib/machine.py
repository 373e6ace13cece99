# SPDX-License-Identifier: MIT
"""machine - a real systemd, in namespaces of its own, over a copy of this system

    machine = Machine(env, files={"/etc/sasl-bearer/sasl-bearer.conf": "..."})
    machine.systemctl("start", "sasl-bearerd.service")
    machine.run(["sasl-bearer", "list"], uid="mail")

The root is an overlay: what "make install" and the units write, goes to memory.  Network
and users are the ones outside, so a provider of the test is reached on the loopback.  Of
the system's units only those exist that are named here; its kernel settings are read only.

Machine(env, files, root=DIRECTORY) is over the system in that directory instead, without
"make install"; it has its own users, and all its units, but starts none by itself.
"""

import glob
import os
import re
import shutil
import signal

import protocol
import tap
from env import BUILDDIR, identity, wait_for

SYSTEM_UNITS = ("systemd-journald.service", "systemd-journald.socket",
                "systemd-journald-dev-log.socket")
TARGETS = ("sysinit", "basic", "sockets", "shutdown", "multi-user", "nss-user-lookup",
           "umount", "local-fs", "network", "paths", "timers")
UNITS = "/etc/systemd/test"

# whether this is a place for it; a container often is none
PROBE = """mount -t tmpfs tmpfs {dir}/disk && cd {dir}/disk && mkdir u w r c &&
	mount -t overlay -o lowerdir=/,upperdir=u,workdir=w overlay r && mount -t cgroup2 c c &&
	mknod null c 1 3 && echo >null"""

# in new namespaces: a root of our own, then systemd
BOOT = r"""#!/bin/sh
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs {dir}/disk
mkdir {dir}/disk/upper {dir}/disk/work {dir}/disk/root
mount -t overlay -o lowerdir={root},upperdir={dir}/disk/upper,workdir={dir}/disk/work overlay {dir}/disk/root
cd {dir}/disk/root
[ {root} != / ] || make -s -C {builddir} install DESTDIR=$PWD >{dir}/install.log 2>&1
cp -a {dir}/files/. .
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=0755 tmpfs dev
mkdir dev/pts dev/shm
chmod 1777 dev/shm
for node in null:3 zero:5 full:7 random:8 urandom:9; do
	mknod -m 0666 dev/${{node%:*}} c 1 ${{node#*:}}
done
mknod -m 0666 dev/tty c 5 0
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
if [ {root} = / ]; then
	systemd-sysusers --root=$PWD $PWD{prefix}/lib/sysusers.d/sasl-bearer.conf
	systemd-tmpfiles --root=$PWD --create $PWD{prefix}/lib/tmpfiles.d/sasl-bearer.conf
fi
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mkdir -p mnt
pivot_root . mnt
umount -l mnt
mount --make-rshared /
echo booted >/run/booted
exec env -i container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	SYSTEMD_UNIT_PATH={unit_path} {manager} --system --unit=machine.target \
	--log-target=journal-or-kmsg --show-status=no
"""


def systemd():
    """The manager's program."""
    found = [path for path in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
             if os.path.exists(path)]
    tap.need(found, "systemd")
    return found[0]


def makefile(name):
    """A variable of the build's Makefile, expanded."""
    with open(os.path.join(BUILDDIR, "Makefile"), encoding="utf-8") as f:
        values = dict(re.findall(r"^(\w+) = (.*)$", f.read(), re.M))
    value = values[name]
    while "$" in value:
        value = re.sub(r"\$[({](\w+)[)}]", lambda m: values[m.group(1)], value)
    return value


def cgroup_root():
    """Where cgroup2 is mounted."""
    with open("/proc/self/mounts", encoding="utf-8") as f:
        found = [line.split()[1] for line in f if line.split()[2] == "cgroup2"]
    if not found:
        tap.skip("no cgroup2 here")
    return found[0]


class Machine:
    """One manager, running when the constructor returns.

    files   {path in the machine: text, or (text, mode, owner)}
    root    what is below it, when it is not this system
    """

    def __init__(self, env, files, root="/"):
        self.env, self.root = env, root
        tap.need(os.geteuid() == 0, "uid 0")
        self.manager = systemd()
        tap.require("unshare", "nsenter", "setpriv", "systemd-sysusers", "systemd-tmpfiles", "make")
        self.prefix = makefile("prefix")
        if root == "/" and self.prefix.startswith(("/tmp/", "/home/", "/root/", "/var/tmp/", "/run/")):
            tap.skip(f"services do not see {self.prefix}, where this build is installed")
        self.dir = env.mkdir(env.name("machine"))
        env.mkdir(self.dir + "/disk")
        done = env.run(["unshare", "--mount", "--pid", "--fork", "--ipc", "--uts", "--cgroup",
                        "sh", "-c", PROBE.format(dir=self.dir)])
        if done.rc != 0:
            tap.skip("no namespaces, or no overlays, here: " + done.stderr.strip())
        env.mkdir(self.dir + "/files")
        self._units()
        for path, what in files.items():
            self._file(path, *(what if isinstance(what, tuple) else (what,)))
        self._boot()

    def _file(self, path, text, mode=0o644, owner=None):
        where = self.dir + "/files" + path
        os.makedirs(os.path.dirname(where), exist_ok=True)
        with open(where, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(where, mode)
        if owner is not None:
            who = identity(owner)
            os.chown(where, who["user"], who["group"])

    def _units(self):
        """The only units of the machine; ours are added by install()."""
        for target in TARGETS:
            self._file(f"{UNITS}/{target}.target", "[Unit]\nDefaultDependencies=no\n")
        self._file(f"{UNITS}/machine.target", "[Unit]\nDefaultDependencies=no\n"
                   "Wants=systemd-journald.service\nAfter=systemd-journald.service\n")
        for name in SYSTEM_UNITS:
            source = os.path.join(os.path.dirname(self.manager), "system", name)
            tap.need(os.path.exists(source), name)
            shutil.copy(source, self.dir + "/files" + UNITS)
        if self.root != "/":
            return
        for pattern in ("*.service", "*.socket", "*.timer"):
            for path in glob.glob(os.path.join(BUILDDIR, "contrib/systemd", pattern)):
                shutil.copy(path, self.dir + "/files" + UNITS)

    def _boot(self):
        script = self.dir + "/boot"
        with open(script, "w", encoding="utf-8") as f:
            f.write(BOOT.format(dir=self.dir, builddir=BUILDDIR, prefix=self.prefix,
                                root=self.root, manager=self.manager,
                                unit_path=UNITS + (":" if self.root != "/" else "")))
        os.chmod(script, 0o755)
        self.cgroup = os.path.join(cgroup_root(), f"sasl-bearer-test-{os.getpid()}-"
                                   + os.path.basename(self.dir))
        os.mkdir(self.cgroup)
        self.env.cleanup(self._end)
        self.process = self.env.start(self.env.name("boot"), [
            "sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', self.cgroup, "unshare",
            "--mount", "--pid", "--fork", "--ipc", "--uts", "--cgroup", "--kill-child", script])
        wait_for(self._first, 30, "the first process of the machine")
        wait_for(lambda: self.systemctl("is-active", "machine.target").rc == 0, 30, "the machine")

    def _first(self):
        """The machine's process 1 as it is seen from here, once it is systemd."""
        assert self.process.alive(), self.process.log()
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as f:
            pids = f.read().split()
        self.pid = int(pids[0]) if pids else 0
        return self.pid and os.path.exists(f"/proc/{self.pid}/root/run/booted")

    def _end(self):
        self.process.kill()
        # all that runs there ends with its process 1, and is ours to wait for
        wait_for(lambda: not any(pid != os.getpid() for pid in self._members()), 10,
                 "the machine's end")
        for where, _, _ in os.walk(self.cgroup, topdown=False):
            wait_for(lambda w=where: self._removed(w), 10, "an empty cgroup")

    def _members(self):
        """The processes in the machine's control groups, but those that are reaped here."""
        found = []
        for where, _, _ in os.walk(self.cgroup):
            with open(where + "/cgroup.procs", encoding="ascii") as f:
                found += f.read().split()
        return found

    @staticmethod
    def _removed(where):
        try:
            os.rmdir(where)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return True

    def path(self, path):
        """A file of the machine, seen from here."""
        return f"/proc/{self.pid}/root{path}"

    def run(self, cmd, uid=None, **how):
        """Run a program in the machine; see Env.run."""
        enter = ["nsenter", "-t", self.pid, "-m", "-p"]
        if uid is not None:
            who = identity(uid)
            enter += ["setpriv", "--reuid", who["user"], "--regid", who["group"], "--clear-groups"]
        return self.env.run([*enter, *cmd], **how)

    def ask(self, path, uid=None, **fields):
        """Send a request to a socket as a uid; returns the reply."""
        request = protocol.encode({"protocol": 1, **fields})
        replies = protocol.decode(protocol.exchange_by(self.run, path, request, uid=uid))
        return replies[0] if replies else {}

    def systemctl(self, *words):
        return self.run(["systemctl", "--no-pager", *words])

    def show(self, unit, name):
        """A property of a unit."""
        done = self.systemctl("show", "--value", "--property", name, unit)
        assert done.rc == 0, done
        return done.stdout.strip()

    def journal(self, unit):
        """What a unit has logged."""
        self.run(["journalctl", "--sync"])
        return self.run(["journalctl", "--no-pager", "-o", "cat", "-u", unit]).stdout

    def processes(self, unit):
        """The process ids of a unit, as they are seen from here."""
        group = self.cgroup + self.show(unit, "ControlGroup")
        with open(group + "/cgroup.procs", encoding="ascii") as f:
            return [int(line) for line in f]

    def send(self, unit, number=signal.SIGKILL):
        """Send a signal to the main process of a unit."""
        done = self.systemctl("kill", "--kill-whom=main", f"--signal={int(number)}", unit)
        assert done.rc == 0, done
