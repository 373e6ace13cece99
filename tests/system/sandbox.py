#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""sandbox - what each process cannot do, tried in the live process, and what still works"""

import ctypes
import errno
import os
import re
import signal
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import inject
import keys
import protocol
import tap
from env import built, environment, identity, wait_for
from helper import Helper
from oauthd import OAuthServer

ALICE = "alice@example.com"
FETCH, SIGN = built("sasl-bearer-fetch"), built("sasl-bearer-sign")
AT_FDCWD, O_WRONLY, O_CREAT = -100, 1, 0o100
AF_UNIX, AF_INET, SOCK_STREAM = 1, 2, 1
SIGSYS = signal.SIGSYS.value

# Run before a program: as deep in Landlock as the kernel lets anybody be, or with a kernel
# that has no Landlock, or no seccomp.  x86_64.
OUTER = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)                      # PR_SET_NO_NEW_PRIVS
def refuse(number, error, argument=None):
    code = [(0x20, 0, 0, 0), (0x15, 0, 1 if argument is None else 3, number)]
    if argument is not None:
        code += [(0x20, 0, 0, 16), (0x15, 0, 1, argument)]
    code += [(6, 0, 0, 0x50000 | error), (6, 0, 0, 0x7fff0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *i) for i in code))
    program = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(code)))
    assert libc.prctl(22, 2, program, 0, 0) == 0, os.strerror(ctypes.get_errno())
if sys.argv[1] == "deep":
    ruleset = ctypes.create_string_buffer(struct.pack("QQQ", 1 << 6, 0, 0))
    for _ in range(16):
        fd = libc.syscall(444, ruleset, ctypes.c_size_t(8), 0)
        assert fd >= 0 and libc.syscall(446, fd, 0) == 0, os.strerror(ctypes.get_errno())
        os.close(fd)
elif sys.argv[1] == "no-landlock":
    refuse(444, 38)
else:
    refuse(317, 38)
    refuse(157, 22, 22)
os.execv(sys.argv[2], sys.argv[2:])
"""


def outer(what):
    """Words before a command, which then runs in such surroundings."""
    return [sys.executable, "-c", OUTER, what]


def landlock():
    """The version of the kernel's Landlock, 0 if it has none."""
    return max(0, ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1))


def status(pid, key, tid=None):
    with open(f"/proc/{pid}/task/{tid or pid}/status", encoding="ascii", errors="replace") as f:
        return re.search(rf"^{key}:\s*(.*)$", f.read(), re.M).group(1)


def threads(pid):
    return sorted(map(int, os.listdir(f"/proc/{pid}/task")))


def children(pid):
    """The processes that a process has started, and their names: {name: pid}."""
    found = {}
    for other in filter(str.isdigit, os.listdir("/proc")):
        try:
            if int(status(other, "PPid")) == pid:
                found[status(other, "Name")] = int(other)
        except OSError:
            pass
    return found


class World:
    """A helper with an account, and a provider that answers when it is told to."""

    def __init__(self, env):
        self.env = env
        self.go = threading.Event()
        self.go.set()
        self.server = OAuthServer(tls=env.tls()).start()
        self.helper = None
        self.outside = env.write("elsewhere/secret", "not yours\n", 0o644)
        self.key = keys.make_key(env.path("key"))

    def on_request(self, _request):
        self.go.wait(20)

    def daemon(self, accounts=None, **options):
        """A new helper, serving; the old one is stopped."""
        self.go.set()
        if self.helper:
            self.helper.stop()
        self.helper = Helper(self.env, self.server, accounts or {ALICE: {"allow": "daemon"}},
                             **options).start()
        return self.helper

    def spawner(self):
        found = children(self.helper.process.pid)
        assert list(found) == ["sasl-bearerd"], found
        return found["sasl-bearerd"]

    def fetching(self):
        """Let a fetch begin that has asked and waits; returns its process id."""
        self.server.forget()
        self.server.always("token", self.on_request)
        self.go.clear()
        assert self.helper.store(ALICE, self.server.issue(ALICE))["status"] == "ok"
        threading.Thread(target=self.helper.request, daemon=True,
                         args=({"request": "refresh", "account": ALICE},)).start()
        self.server.wait_seen("token")
        return children(self.spawner())["sasl-bearer-fet"]

    def signing(self, **popen):
        """A sasl-bearer-sign that waits for its request."""
        process = subprocess.Popen(["sh", "-c", 'exec "$0" 3<"$1"', SIGN, self.key],
                                   env=environment({}), stdin=subprocess.PIPE, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen)
        self.env.cleanup(process.kill)
        wait_for(lambda: status(process.pid, "Name") == "sasl-bearer-sig"
                 and status(process.pid, "Seccomp") == "2", what="sasl-bearer-sign waits")
        return process


def need_injection():
    tap.need(os.geteuid() == 0, "uid 0")
    if not inject.AVAILABLE:
        tap.skip("system calls are injected on x86_64 only")


def setup(env):
    said = env.run([built("sasl-bearerd"), "--version"]).stdout
    if "seccomp and landlock" not in said:
        tap.skip(said.strip())
    tap.need(landlock() > 0, "Landlock in the kernel")
    return World(env)


@tap.promise
def told(w):
    "the log says what is in force, once; --version says what is built in"
    helper = w.daemon()
    assert re.findall(r"<\d>sandbox: .*", helper.log()) == [
        f"<6>sandbox: seccomp, landlock {landlock()}"], helper.log()
    said = w.env.run([built("sasl-bearerd"), "--version"]).stdout
    assert re.fullmatch(r"sasl-bearerd \S+ \(seccomp and landlock\)\n", said), said


@tap.promise
def in_force(w):
    "every thread of daemon, spawner, fetch and sign has a filter, and no new privileges"
    w.daemon()
    fetch, sign = w.fetching(), w.signing()
    assert len(threads(w.helper.process.pid)) == 2
    for pid in (w.helper.process.pid, w.spawner(), fetch, sign.pid):
        for tid in threads(pid):
            assert status(pid, "Seccomp", tid) == "2", (pid, tid)
            assert status(pid, "NoNewPrivs", tid) == "1", (pid, tid)
    w.go.set()


@tap.promise
def daemon_dies(w):
    "each thread of the daemon dies of execve, ptrace, process_vm_readv and listen, by SIGSYS"
    need_injection()
    for index in (0, 1):
        for call in (("execve", "/bin/true", 0, 0), ("ptrace", 0, 0, 0, 0),
                     ("process_vm_readv", os.getpid(), 0, 0, 0, 0, 0), ("listen", 0, 1)):
            process = w.daemon().process
            assert status(process.pid, "Name") == "sasl-bearerd"
            said = inject.inject(w.env, threads(process.pid)[index], *call)
            assert said == f"signal {SIGSYS}", (index, call, said)
            assert process.wait() == -SIGSYS, call


@tap.promise
def daemon_refused(w):
    "no thread of it gets a network, another's file, a signal to another; and it serves on"
    need_injection()
    helper = w.daemon()
    pid = helper.process.pid
    own = os.path.join(helper.state_dir, "mine")
    for tid in threads(pid):
        for call, want in (
                (("socket", AF_INET, SOCK_STREAM, 0), -errno.EAFNOSUPPORT),
                (("socket", 10, SOCK_STREAM, 0), -errno.EAFNOSUPPORT),
                (("socket", 16, 3, 0), -errno.EAFNOSUPPORT),
                (("openat", AT_FDCWD, w.outside, 0, 0), -errno.EACCES),
                (("openat", AT_FDCWD, w.key, 0, 0), -errno.EACCES),
                (("openat", AT_FDCWD, "/proc/self/mem", 0, 0), -errno.EACCES),
                (("openat", AT_FDCWD, "/", 0, 0), -errno.EACCES),
                (("openat", AT_FDCWD, w.env.path("new"), O_WRONLY | O_CREAT, 0o600),
                 -errno.EACCES),
                (("openat", AT_FDCWD, helper.config, O_WRONLY, 0), -errno.EACCES),
                (("openat", AT_FDCWD, "/dev/zero", 0, 0), -errno.EACCES),
                (("unlink", helper.config), -errno.EACCES),
                (("mkdir", own, 0o700), -errno.ENOSYS),
                (("kill", os.getpid(), 0), -errno.ENOSYS),
                (("kill", w.spawner(), signal.SIGKILL), -errno.ENOSYS)):
            assert inject.inject(w.env, tid, *call) == want, call
        for path, flags in ((helper.config, 0), ("/etc/passwd", 0), (own, O_WRONLY | O_CREAT)):
            assert inject.inject(w.env, tid, "openat", AT_FDCWD, path, flags, 0o600) > 2, path
        assert inject.inject(w.env, tid, "unlink", own) == 0
    assert helper.store(ALICE, w.server.issue(ALICE))["status"] == "ok"
    assert helper.token()["status"] == "ok"
    assert helper.reload()["status"] == "ok"


@tap.promise
def fetch_dies(w):
    "fetch dies of execve, ptrace and listen; the daemon says so, and goes on"
    need_injection()
    for call in (("execve", "/bin/true", 0, 0), ("ptrace", 0, 0, 0, 0), ("listen", 0, 1)):
        helper = w.daemon()
        said = inject.inject(w.env, w.fetching(), *call)
        assert said == f"signal {SIGSYS}", (call, said)
        helper.wait_log(f"sasl-bearer-fetch was killed by signal {SIGSYS}")
        w.go.set()
        assert helper.list()[ALICE]["state"] == "backoff"


@tap.promise
def fetch_refused(w):
    "fetch reads no account's secret, no state, writes nothing; and brings its token"
    need_injection()
    helper = w.daemon()
    assert helper.store(ALICE, w.server.issue(ALICE))["status"] == "ok"
    secret = helper.secret_file("client.secret", "s")
    pid = w.fetching()
    for call in (("openat", AT_FDCWD, os.path.join(helper.state_dir, ALICE), 0, 0),
                 ("openat", AT_FDCWD, secret, 0, 0),
                 ("openat", AT_FDCWD, helper.config, 0, 0),
                 ("openat", AT_FDCWD, "/etc/passwd", 0, 0),
                 ("openat", AT_FDCWD, "/proc/self/environ", 0, 0),
                 ("openat", AT_FDCWD, w.env.tls().ca, O_WRONLY, 0),
                 ("openat", AT_FDCWD, "/dev/null", O_WRONLY, 0),
                 ("openat", AT_FDCWD, "/tmp/new", O_WRONLY | O_CREAT, 0o600)):
        assert inject.inject(w.env, pid, *call) == -errno.EACCES, call
    assert inject.inject(w.env, pid, "kill", w.helper.process.pid, 9) == -errno.ENOSYS
    for call in (("openat", AT_FDCWD, w.env.tls().ca, 0, 0),
                 ("openat", AT_FDCWD, "/etc/resolv.conf", 0, 0),
                 ("socket", AF_INET, SOCK_STREAM, 0)):
        assert inject.inject(w.env, pid, *call) > 2, call
    w.go.set()
    helper.wait_log("new token")


@tap.promise
def sign_dies(w):
    "sign dies of execve, ptrace and of any socket, opens no file; and signs"
    need_injection()
    for call in (("execve", "/bin/true", 0, 0), ("ptrace", 0, 0, 0, 0),
                 ("socket", AF_UNIX, SOCK_STREAM, 0), ("socket", AF_INET, SOCK_STREAM, 0),
                 ("connect", 0, 0, 0)):
        process = w.signing()
        assert inject.inject(w.env, process.pid, *call) == f"signal {SIGSYS}", call
        assert process.wait(10) == -SIGSYS, call
    process = w.signing()
    for path in ("/etc/passwd", "/usr/lib/os-release", w.key, "/dev/null"):
        for flags in (0, O_WRONLY):
            assert inject.inject(w.env, process.pid, "openat", AT_FDCWD, path, flags, 0) \
                == -errno.EACCES, path
    request = protocol.encode({"protocol": 1, "operation": "check"}).decode()
    out, err = process.communicate(request, timeout=10)
    assert "status=ok" in out and not err, (out, err)


@tap.promise
def spawner_refused(w):
    "the spawner, and what it starts, looks into no process and mounts nothing; it starts on"
    need_injection()
    helper = w.daemon()
    for call in (("ptrace", 16, helper.process.pid, 0, 0),
                 ("process_vm_readv", helper.process.pid, 0, 0, 0, 0, 0)):
        assert inject.inject(w.env, w.spawner(), *call) == -errno.EPERM, call
    assert helper.store(ALICE, w.server.issue(ALICE))["status"] == "ok"
    assert helper.request({"request": "refresh", "account": ALICE})["status"] == "ok"


COMMAND = """#!/usr/bin/python3
import ctypes, os, socket, subprocess, tempfile, threading
thread = threading.Thread(target=lambda: None)
thread.start()
thread.join()
with tempfile.TemporaryFile() as f:
    f.write(b"x")
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
said = subprocess.run(["sh", "-c", "grep -c Seccomp: /proc/self/status | cat"], check=True,
                      capture_output=True, text=True).stdout
assert said == "1\\n", said
os.kill(os.getpid(), 0)
libc = ctypes.CDLL(None, use_errno=True)
for call in (("ptrace", 0), ("unshare", 0x10000000), ("setns", -1, 0), ("mount", 0, 0, 0, 0, 0)):
    assert getattr(libc, call[0])(*call[1:]) == -1 and ctypes.get_errno() == 1, call
print("TOKEN")
"""


@tap.promise
def commands_live(w):
    "an account's command has threads, processes, files and networks, but no ptrace or mounts"
    program = w.env.write("command", COMMAND, 0o755)
    helper = w.daemon({ALICE: {"grant": "command", "command": program, "allow": "daemon"}})
    assert helper.token().get("token") == "TOKEN", helper.log()


@tap.promise
def elsewhere(w):
    "a file elsewhere that a reload names: its account says config and why; a restart mends it"
    helper = w.daemon()
    os.makedirs(w.env.path("late"), exist_ok=True)
    path = w.env.path("late/token")
    helper.accounts["late"] = {"grant": "file", "token_file": path, "allow": "daemon"}
    os.rename(helper.secret_file("late", "TOKEN"), path)
    assert helper.reload()["status"] == "ok"
    reply = helper.token("late")
    assert reply["status"] == "config", reply
    assert path in reply["reason"] and "restart sasl-bearerd" in reply["reason"], reply
    assert "chmod" not in reply["reason"] and "group" not in reply["reason"], reply
    helper.restart()
    assert helper.token("late")["token"] == "TOKEN"


@tap.promise
def lists_elsewhere(w):
    "the same for mailboxes_file and accounts_dir: the old stays, and the reason is given"
    helper = w.daemon()
    helper.accounts["domain"] = {
        "user": "*@example.org", "grant": "managed_identity", "services": "imap",
        "identity_endpoint": w.server.identity_endpoint, "identity_resource": "x",
        "hosts": "localhost", "allow": "daemon",
        "mailboxes_file": w.env.write("lists/some", "a@example.org\n")}
    reply = helper.reload()
    assert reply["status"] == "config" and "restart sasl-bearerd" in reply["reason"], reply
    del helper.accounts["domain"]
    helper.settings["accounts_dir"] = w.env.mkdir("lists")
    reply = helper.reload()
    assert reply["status"] == "config" and "restart sasl-bearerd" in reply["reason"], reply
    assert helper.list().keys() == {ALICE, "domain"}


@tap.promise
def replaced(w):
    "a file elsewhere that was named at the start is read again when it is replaced"
    w.env.mkdir("mounted/..2026_01")
    w.env.mkdir("mounted/..2026_02")
    for name, text in (("..2026_01", "one.one.one"), ("..2026_02", "two.two.two")):
        w.env.write(f"mounted/{name}/assertion", text)
    os.symlink("..2026_01", w.env.path("mounted/..data"))
    os.symlink("..data/assertion", w.env.path("mounted/assertion"))
    helper = w.daemon({"app": {
        "grant": "client_credentials", "scope": "x", "allow": "daemon",
        "assertion_file": w.env.path("mounted/assertion")}})
    w.server.forget()
    assert helper.token("app")["status"] == "ok"
    os.symlink("..2026_02", w.env.path("mounted/..new"))
    os.rename(w.env.path("mounted/..new"), w.env.path("mounted/..data"))
    assert helper.request({"request": "refresh", "account": "app"})["status"] == "ok"
    sent = [request.form["client_assertion"] for request in w.server.seen("token")]
    assert sent == ["one.one.one", "two.two.two"], sent


PEEK = """
import ctypes, os, sys
pid, libc = int(sys.argv[1]), ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
def word(result):
    return os.strerror(ctypes.get_errno()) if result < 0 else "done"
print("attach:", word(libc.ptrace(16, pid, None, None)))
print("seize:", word(libc.ptrace(0x4206, pid, None, None)))
buf = ctypes.create_string_buffer(8)
iov = (ctypes.c_size_t * 2)(ctypes.addressof(buf), 8)
print("process_vm_readv:", word(libc.process_vm_readv(pid, iov, 1, iov, 1, 0)))
for name in ("mem", "environ", "maps", "fd/0", "auxv"):
    try:
        with open(f"/proc/{pid}/{name}", "rb", buffering=0) as f:
            print(name + ": done")
    except OSError as e:
        print(name + ":", e.strerror)
"""


@tap.promise
def not_dumpable(w):
    "the same user traces none of the four, and reads neither memory nor environment"
    tap.need(os.geteuid() == 0, "uid 0")
    w.daemon()
    uid = identity("daemon")["user"]
    os.chown(w.key, uid, 0)
    fetch, sign = w.fetching(), w.signing(**identity("daemon"))
    other = w.env.start("other", ["sleep", "100"], uid="daemon")
    for pid in (w.helper.process.pid, w.spawner(), fetch, sign.pid):
        assert int(status(pid, "Uid").split()[0]) == uid
        done = w.env.run([sys.executable, "-c", PEEK, pid], uid="daemon")
        said = dict(line.split(": ") for line in done.stdout.splitlines())
        assert len(said) == 8, done
        assert set(said.values()) <= {"Operation not permitted", "Permission denied"}, said
    done = w.env.run([sys.executable, "-c", PEEK, other.pid], uid="daemon")
    assert "environ: done" in done.stdout and "mem: done" in done.stdout, done
    other.kill()
    w.go.set()


@tap.promise
def first_account(w):
    "a user's helper that began without any configuration serves the first account"
    uid = 1 if os.geteuid() == 0 else os.geteuid()
    helper = Helper(w.env, w.server, user=uid)
    helper.server = None
    os.rmdir(helper.config_dir)
    process = w.env.start("user", [built("sasl-bearerd"), "--user", "--foreground"], uid=uid,
                          env=helper.environment)
    wait_for(lambda: os.path.exists(helper.socket), what="its socket")
    helper.process = process
    helper.wait_log("ready, 0 accounts")
    path = os.path.join(helper.config_dir, "accounts.d/first.conf")
    helper._write(path, {"grant": "file", "hosts": "localhost",
                         "token_file": helper.secret_file("accounts.d/token", "TOKEN")})
    assert helper.request({"request": "reload"}, uid=uid)["status"] == "ok", helper.log()
    assert helper.token("first", uid=uid)["token"] == "TOKEN", helper.log()
    assert helper.stop() == 0
    assert not os.path.exists(helper.socket), "the socket is left"


@tap.promise
def abstract_manager(w):
    "a service manager with an abstract socket is told as well"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        name = f"sasl-bearer-test-{os.getpid()}"
        manager.bind("\0" + name)
        manager.settimeout(10)
        helper = Helper(w.env, w.server, {ALICE: {"allow": "daemon"}}).write_config()
        process = w.env.start("abstract", helper.command("--foreground"),
                              env={"NOTIFY_SOCKET": "@" + name})
        assert manager.recv(100) == b"READY=1"
        process.send(signal.SIGTERM)
        assert manager.recv(100) == b"STOPPING=1"
        assert process.wait() == 0


@tap.promise
def fails_closed(w):
    "where the kernel offers a sandbox that cannot be set up, none of the three goes on"
    need_injection()
    helper = Helper(w.env, w.server, {ALICE: {"allow": "daemon"}},
                    wrapper=outer("deep")).write_config()
    done = w.env.run(helper.command("--foreground"))
    assert done.rc == 71 and "ready" not in done.stderr, done
    assert done.stderr == (
        "sasl-bearerd: cannot shut itself in: landlock: Argument list too long\n"), done
    for program, request in ((FETCH, {"operation": "discover", "issuer": w.server.url}),
                             (SIGN, {"operation": "check"})):
        w.server.forget()
        with open(w.key, encoding="ascii") as key:
            done = w.env.run(["sh", "-c", 'exec "$0" "$@" 3<&9', *outer("deep"), program],
                             input=protocol.encode({"protocol": 1, **request}).decode(),
                             preexec_fn=lambda key=key: os.dup2(key.fileno(), 9), pass_fds=[9])
        assert "status=temporary" in done.stdout and "shut itself in" in done.stdout, done
        assert not w.server.seen()


@tap.promise
def degrades(w):
    "on a kernel without the one the other is in force, the log says so, and it serves"
    need_injection()
    before = int(status(os.getpid(), "Seccomp_filters"))
    for what, filters, said in (
            ("no-landlock", 1 + 1, "seccomp, no landlock"),
            ("no-seccomp", 2, f"no seccomp, landlock {landlock()}")):
        helper = w.daemon(wrapper=outer(what))
        assert f"<6>sandbox: {said} (built with seccomp and landlock)\n" in helper.log()
        pid = helper.process.pid
        assert int(status(pid, "Seccomp_filters")) == before + filters, what
        opened = inject.inject(w.env, pid, "openat", AT_FDCWD, w.outside, 0, 0)
        assert (opened == -errno.EACCES) == (what == "no-seccomp"), opened
        assert helper.store(ALICE, w.server.issue(ALICE))["status"] == "ok"
        assert helper.token()["status"] == "ok"


tap.main(setup, programs=["openssl"], timeout=240)
