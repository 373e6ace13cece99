# SPDX-License-Identifier: MIT
"""env - a private place for one test: directory, ports, processes, certificates

Everything an Env started ends with it, found by process id: the test makes itself
the reaper of its descendants, so that a daemon which detaches is still its child.
"""

import collections
import ctypes
import glob
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time

from certs import Certificates

SRCDIR = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILDDIR = os.path.realpath(os.environ.get("BUILDDIR", SRCDIR))
# INSTALLED=1: the tests are about the programs of a package, not about a build's
INSTALLED = os.environ.get("INSTALLED") == "1"
LIBEXEC_DIR = "/usr/libexec/sasl-bearer" if INSTALLED else BUILDDIR
TAIL = 60       # log lines shown of each process when a promise is broken
PR_SET_CHILD_SUBREAPER = 36

Result = collections.namedtuple("Result", "rc stdout stderr")


def wait_for(predicate, timeout=10, what=None):
    """Return predicate()'s first true value, or fail after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            name = what or getattr(predicate, "__name__", "the condition")
            raise AssertionError(f"{name}: still not true after {timeout} s")
        time.sleep(0.02)


def can_connect(port, host="127.0.0.1"):
    """Tell whether something listens there."""
    with socket.socket() as s:
        s.settimeout(2)
        return s.connect_ex((host, port)) == 0


def sasl_dir():
    """The directory in which libsasl2 looks for plugins by itself."""
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    places = (f"/usr/lib/{multiarch}/sasl2", "/usr/lib64/sasl2", "/usr/lib/sasl2")
    return next((place for place in places if os.path.isdir(place)), None)


def built(name):
    """The path of something that make builds; a failure when it is not there."""
    path = os.path.join(BUILDDIR, name)
    if INSTALLED:
        where, base = os.path.split(name)
        places = [sasl_dir()] if where == "plugin/.libs" else ["/usr/bin", "/usr/sbin", LIBEXEC_DIR]
        assert where in ("", "plugin/.libs"), f"{name} is in no package"
        path = next((f"{place}/{base}" for place in places if os.path.exists(f"{place}/{base}")), path)
    assert os.path.exists(path), f"{path} is not there; run make first"
    return path


def sasl_path(ours=True):
    """SASL_PATH: the fresh plugin's directory, then the system's."""
    assert ours or not INSTALLED, "the installed plugin cannot be left out"
    fresh = [built("plugin/.libs")] if ours and not INSTALLED else []
    return ":".join(fresh + [place for place in [sasl_dir()] if place])


def environment(extra=None):
    """A small environment: nothing of the caller's but PATH and sanitizer options."""
    result = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
    result["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    result["LC_ALL"] = "C.UTF-8"
    result.update(extra or {})
    return {name: value for name, value in result.items() if value is not None}


def identity(uid):
    """Popen arguments to run as a user, by name or number; none for None."""
    if uid is None:
        return {}
    try:
        entry = pwd.getpwnam(uid) if isinstance(uid, str) else pwd.getpwuid(uid)
    except KeyError:
        return {"user": uid, "group": uid, "extra_groups": []}
    groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": groups}


def children(parent=None):
    """The process ids of the children of a process, or of this one."""
    parent, found = parent or os.getpid(), []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(pid))
    return found


class Process:
    """A process with a log file; the leader of its own process group."""

    def __init__(self, env, name, cmd, uid, environ, **popen):
        self.name = name
        self.log_path = env.log_file(name)
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(
                [str(word) for word in cmd], env=environ, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, **identity(uid), **popen)
        self.pid = self.popen.pid

    def log(self):
        """All that it wrote."""
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def alive(self):
        return self.popen.poll() is None

    def send(self, number):
        """Send it a signal, if it lives."""
        if self.alive():
            os.kill(self.pid, number)

    def wait(self, timeout=10):
        """Wait for the end; return the exit status."""
        return self.popen.wait(timeout)

    def kill(self):
        """End it and what is left of its group, at once; return the exit status."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return self.popen.wait()

    def stop(self, number=signal.SIGTERM, timeout=10):
        """Ask it to end, insist after `timeout`; return the exit status."""
        self.send(number)
        try:
            self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            pass
        return self.kill()


class Env:
    """A temporary directory and what runs in it; also a context manager.

    dir             the directory; root's, 0755, short enough for a socket's path
    keep_if_broken  KEEP=1: leave the directory after a failure
    """

    live = []

    def __init__(self, base="/tmp"):
        self.dir = tempfile.mkdtemp(prefix="sb.", dir=base)
        os.chmod(self.dir, 0o755)
        self.keep_if_broken = os.environ.get("KEEP") == "1"
        self.keep = False
        self.processes = []
        self.logs = {}
        self.marks = {}
        self.names = 0
        self.at_exit = []
        self.locks = []
        self.certificates = None
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        Env.live.append(self)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _traceback):
        if error is not None:
            self.keep = self.keep_if_broken
            if self is not Env.live[0]:     # tap prints the logs of the live ones
                error.add_note(self.log_tails())
        self.close()

    def path(self, *parts):
        """A path below the directory."""
        return os.path.join(self.dir, *parts)

    def name(self, prefix):
        """A name that nothing else has in this Env."""
        self.names += 1
        return f"{prefix}-{self.names}"

    def mkdir(self, name, mode=0o755, uid=None):
        """Make a directory (and its parents); return its path."""
        path = self.path(name)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        if uid is not None and os.geteuid() == 0:
            who = identity(uid)
            os.chown(path, who["user"], who["group"])
        return path

    def write(self, name, text, mode=0o644):
        """Write a file (and make its directory); return its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            os.fchmod(f.fileno(), mode)
            f.write(text)
        return path

    def shipped_providers(self):
        """A directory with the shipped providers: whoever owns the sources, no stranger's."""
        copy = self.mkdir("shipped")
        for path in glob.glob(os.path.join(SRCDIR, "providers", "*.conf")):
            with open(path, encoding="utf-8") as f:
                self.write(os.path.join("shipped", os.path.basename(path)), f.read())
        return copy

    def port(self):
        """A loopback port that nobody has; no other Env gets it while this one lives.

        It lies below the kernel's range for outgoing connections.  An abstract socket
        named after it is the lock: it cannot outlive its owner.
        """
        for _ in range(1000):
            port = random.SystemRandom().randrange(20000, 32000)
            lock = socket.socket(socket.AF_UNIX)
            try:
                lock.bind(f"\0sasl-bearer-test-port-{port}")
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            except OSError:
                lock.close()
                continue
            self.locks.append(lock)
            return port
        raise AssertionError("no free port")

    def tls(self):
        """The certificates of this Env, made once: see certs.Certificates."""
        if not self.certificates:
            self.certificates = Certificates(self.mkdir("tls"))
        return self.certificates

    def log_file(self, name, path=None):
        """Declare a log file, which is shown when a promise is broken."""
        self.logs[name] = path or self.path(name + ".log")
        return self.logs[name]

    def start(self, name, cmd, uid=None, env=None, **popen):
        """Start a process; its output goes to NAME.log.  Returns a Process."""
        process = Process(self, name, cmd, uid, environment({"HOME": self.dir, **(env or {})}),
                          **popen)
        self.processes.append(process)
        return process

    def run(self, cmd, uid=None, env=None, input=None, timeout=30, **popen):
        """Run a program to its end; returns (rc, stdout, stderr), fails after `timeout`."""
        cmd = [str(word) for word in cmd]
        process = subprocess.Popen(
            cmd, env=environment({"HOME": self.dir, **(env or {})}), text=True,
            errors="replace", stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            **identity(uid), **popen)
        try:
            out, err = process.communicate(input, timeout)
        except subprocess.TimeoutExpired as e:
            said = b"".join(part for part in (e.stdout, e.stderr) if part)
            raise AssertionError(f"{cmd}: no end after {timeout} s\n"
                                 + said.decode("utf-8", "replace")) from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return Result(process.returncode, out, err)

    def cleanup(self, function):
        """Call function() at the end, last one first."""
        self.at_exit.append(function)

    def log_lines(self):
        """The lines of each log so far: {name: [line, ...]}."""
        result = {}
        for name, path in self.logs.items():
            try:
                with open(path, encoding="utf-8", errors="replace") as f:
                    result[name] = f.read().splitlines()
            except OSError:
                result[name] = []
        return result

    def mark_logs(self):
        """From now on log_tails() leaves out what was logged before."""
        self.marks = {name: len(lines) for name, lines in self.log_lines().items()}

    def log_tails(self):
        """The last lines of each log since mark_logs()."""
        text = ""
        for name, lines in self.log_lines().items():
            new = lines[self.marks.get(name, 0):][-TAIL:]
            if new:
                text += f"--- {name}\n" + "".join(f"    {line}\n" for line in new)
        return text

    def close(self):
        """End what was started, last one first; remove the directory."""
        while self.at_exit:
            try:
                self.at_exit.pop()()
            except Exception as e:      # the rest must be cleaned all the same
                print(f"# clean-up: {e!r}", flush=True)
        while self.processes:
            self.processes.pop().stop()
        if self in Env.live:
            Env.live.remove(self)
        if not Env.live:
            self.kill_all()
        for lock in self.locks:
            lock.close()
        if self.keep:
            print(f"# kept: {self.dir}", flush=True)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def can_mount(self):
        """Whether processes may have mounts of their own; not in every container or chroot."""
        return self.run(["unshare", "-m", "true"]).rc == 0

    def orphans(self):
        """What a daemon that has gone left to us, and still lives; the dead are buried."""
        left = []
        for pid in set(children()) - {process.pid for process in self.processes}:
            try:
                with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                    ours = f.read().startswith(("sasl-bearerd", "sasl-bearer-"))
                if ours and os.waitpid(pid, os.WNOHANG)[0] == 0:
                    left.append(pid)
            except OSError:
                pass
        return left

    @staticmethod
    def all_logs():
        return "".join(env.log_tails() for env in Env.live)

    @staticmethod
    def kill_all():
        """Kill every descendant; those of a killed child become ours in turn."""
        while pids := children():
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            for pid in pids:
                try:
                    os.waitpid(pid, 0)
                except ChildProcessError:
                    pass
