#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""units - the systemd units, and what they promise: sockets, readiness, the sandbox"""

import glob
import os
import re
import signal
import socket
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import protocol
import tap
from env import SRCDIR, built, wait_for
from helper import Helper
from oauthd import OAuthServer

UNITS = "contrib/systemd"
NAMES = ("sasl-bearerd.service", "sasl-bearerd.socket", "sasl-bearerd-postfix.socket",
         "sasl-bearer-check.service", "sasl-bearer-check.timer", "sasl-bearer-check-mail.service",
         "sasl-bearer-metrics.service", "sasl-bearer-metrics.timer",
         "user/sasl-bearerd.service", "user/sasl-bearerd.socket")


def read(name):
    with open(built(f"{UNITS}/{name}"), encoding="utf-8") as f:
        return f.read()


def values(name, key):
    """The values of a key, one for each of its lines."""
    return re.findall(rf"^{key}=(.*)$", read(name), re.M)


def value(name, key):
    """The value of a key that a unit has once."""
    found = values(name, key)
    assert len(found) == 1, (name, key, found)
    return found[0]


class Activated:
    """A helper that got its sockets from systemd-socket-activate."""

    def __init__(self, env, server=None):
        tap.require("systemd-socket-activate")
        self.helper = Helper(env, server, {"alice@example.com": {"allow": "daemon"}})
        self.helper.write_config()
        self.path = os.path.join(env.mkdir(env.name("activated")), "socket")
        notify = self.path + ".notify"
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(notify)
        self.manager.settimeout(10)
        os.chmod(notify, 0o666)
        self.process = env.start(env.name("activate"), [
            "systemd-socket-activate", "-l", self.path, "-E", f"NOTIFY_SOCKET={notify}",
            *self.helper.command("--foreground")])
        wait_for(self.listening, 10)

    def listening(self):
        """Whether the socket is bound, and listened on: two calls, not one."""
        with open("/proc/net/unix", encoding="ascii") as f:
            rows = [line.split() for line in f if line.rstrip().endswith(self.path)]
        return any(row[3] == "00010000" for row in rows)

    def ask(self, **fields):
        request = protocol.encode({"protocol": 1, **fields})
        return protocol.decode(protocol.exchange(self.path, request, 10))[0]


@tap.promise
def substituted():
    "no placeholder is left, and the paths are those of this build"
    for path in glob.glob(os.path.join(SRCDIR, UNITS, "**", "*.in"), recursive=True):
        name = os.path.relpath(path, os.path.join(SRCDIR, UNITS))[:-len(".in")]
        assert not re.search(r"@\w+@", read(name)), name
    assert re.fullmatch(r"/\S*/sasl-bearerd --foreground",
                        value("sasl-bearerd.service", "ExecStart"))
    path = value("sasl-bearerd.socket", "ListenStream")
    assert path.endswith("/socket"), path
    assert value("sasl-bearerd-postfix.socket", "ListenStream").endswith(path)


@tap.promise
def verified(env):
    "systemd-analyze verify finds nothing wrong"
    tap.require("systemd-analyze")
    for manager in ("system", "user"):
        where = env.mkdir(f"units-{manager}")
        names = [n for n in NAMES if n.startswith("user/") == (manager == "user")]
        for name in names:
            text = re.sub(r"/\S*/(sasl-bearerd?) ", lambda m: built(m[1]) + " ", read(name))
            env.write(f"units-{manager}/{os.path.basename(name)}",
                      re.sub(r"^User=.*$", "User=daemon", text, flags=re.M))
        done = env.run(["systemd-analyze", "verify", f"--{manager}", "--man=no",
                        *[os.path.join(where, os.path.basename(n)) for n in names]],
                       env={"XDG_RUNTIME_DIR": env.dir, "SYSTEMD_UNIT_PATH": where + ":"})
        said = [line for line in done.stderr.splitlines() if "sasl-bearer" in line]
        assert not said, done.stderr


@tap.promise
def shutdown_is_patient():
    "both services leave the daemon time to store what a fetch brings"
    for name in ("sasl-bearerd.service", "user/sasl-bearerd.service"):
        assert value(name, "KillMode") == "mixed"
        assert int(value(name, "TimeoutStopSec")) >= 60
        assert value(name, "Type") == "notify"
        assert "78" in value(name, "RestartPreventExitStatus").split()


@tap.promise
def comes_back():
    "both services are started again for ever, unless the configuration is wrong"
    for name in ("sasl-bearerd.service", "user/sasl-bearerd.service"):
        assert value(name, "Restart") == "always"
        assert value(name, "StartLimitIntervalSec") == "0"
        assert value(name, "RestartPreventExitStatus").split() == ["64", "78"]
        # 1,024 connections, and pipes of 128 exchanges
        assert int(value(name, "LimitNOFILE")) >= 1024 + 128 * 5
        assert value(name, "OOMPolicy") == "continue", "a child's end is not the daemon's"


@tap.promise
def exposure(env):
    "systemd-analyze security rates the system's services 1.5 or better, those of timers 1.2"
    tap.require("systemd-analyze")
    for name, threshold in (("sasl-bearerd", 15), ("sasl-bearer-check", 12),
                            ("sasl-bearer-metrics", 12)):
        done = env.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                        f"--threshold={threshold}", built(f"{UNITS}/{name}.service")])
        assert done.rc == 0, done
        tap.note(done.stdout.splitlines()[-1])


@tap.promise
def users_are_confined():
    "the user's service has every restriction of the system's that needs no namespace"
    def restrictions(name):
        return set(re.findall(r"^((?:Lock|Memory|NoNew|Restrict|SystemCall|Limit|UMask|OOMPolicy)"
                              r"\w*=.*)$", read(name), re.M))
    system = restrictions("sasl-bearerd.service")
    assert len(system) > 10 and restrictions("user/sasl-bearerd.service") == system


@tap.promise
def sees_uids():
    "no unit has an option that makes a user namespace or hides overflowuid"
    for name in ("sasl-bearerd.service", "user/sasl-bearerd.service"):
        assert not re.search(r"^(PrivateUsers|ProcSubset|DynamicUser)=", read(name), re.M), name
    for key in ("Private", "Protect", "ReadWrite", "StateDirectory"):
        assert not re.search(rf"^{key}", read("user/sasl-bearerd.service"), re.M), key


@tap.promise
def sockets_are_open():
    "the system's sockets may be used by everybody, in directories of root"
    for name in ("sasl-bearerd.socket", "sasl-bearerd-postfix.socket"):
        assert value(name, "SocketMode") == "0666"
        assert value(name, "DirectoryMode") == "0755"
    assert value("user/sasl-bearerd.socket", "ListenStream") == "%t/sasl-bearer/socket"
    assert value("user/sasl-bearerd.socket", "DirectoryMode") == "0700"


@tap.promise
def creates(env):
    "sysusers.d and tmpfiles.d make the user and the directories"
    tap.require("systemd-sysusers", "systemd-tmpfiles")
    tap.need(os.geteuid() == 0, "uid 0")
    root = env.mkdir("root")
    env.mkdir("root/etc")
    for command, config in ((["systemd-sysusers"], "sysusers.d/sasl-bearer.conf"),
                            (["systemd-tmpfiles", "--create"], "tmpfiles.d/sasl-bearer.conf")):
        done = env.run([*command, f"--root={root}", built(f"{UNITS}/{config}")])
        assert (done.rc, done.stderr.count("line")) == (0, 0), done
    user = value("sasl-bearerd.service", "User")
    with open(root + "/etc/passwd", encoding="ascii") as f:
        entry = next(line.split(":") for line in f if line.startswith(user + ":"))
    assert entry[6].strip().endswith("nologin"), entry
    run = root + os.path.dirname(value("sasl-bearerd.socket", "ListenStream"))
    for path, uid, mode in ((run, 0, 0o755), (run + "/accounts", int(entry[2]), 0o755),
                            (root + entry[5], int(entry[2]), 0o700)):
        st = os.stat(path)
        assert (st.st_uid, stat.S_IMODE(st.st_mode)) == (uid, mode), (path, st)


@tap.promise
def activation(env):
    "with sockets from systemd it serves, says READY=1, and leaves the socket alone"
    a = Activated(env)
    before = os.stat(a.path).st_ino
    reply = a.ask(request="hello")
    assert reply["status"] == "ok" and "XOAUTH2" in reply["mechanisms"], reply
    assert "READY=1" in a.manager.recv(4096).decode().splitlines()
    assert not os.path.exists(a.helper.socket), "it listens on the configured socket as well"
    a.process.send(signal.SIGTERM)
    assert a.process.wait() == 0, a.process.log()
    assert os.stat(a.path).st_ino == before


@tap.promise
def unknown_users(env):
    "who has no account is denied on an inherited socket too, by uid"
    tap.need(os.geteuid() == 0, "uid 0")
    a = Activated(env)
    os.chmod(a.path, 0o666)
    a.helper.socket = a.path
    assert a.ask(request="hello")["status"] == "ok"
    assert a.helper.request({"request": "hello"}, uid="bin")["status"] == "denied"
    assert a.helper.request({"request": "hello"}, uid="daemon")["status"] == "ok"
    a.process.stop()


def allowed_calls():
    """All system calls of SystemCallFilter=, from systemd's own list."""
    groups = {}
    text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"],
                          capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        if line.startswith("@"):
            group = groups.setdefault(line.strip(), [])
        elif line.strip() and not line.strip().startswith("#"):
            group.append(line.strip())

    def expand(names):
        return set().union(*(expand(groups[name]) if name.startswith("@") else {name}
                             for name in names))
    first, second = re.findall(r"^SystemCallFilter=(.*)$", read("sasl-bearerd.service"), re.M)
    assert second.startswith("~") and not first.startswith("~"), (first, second)
    return (expand(first.split()) - expand(second[1:].split())) | expand(["@default"])


@tap.promise
def sandbox_suffices(env):
    "daemon and fetch make no system call and no socket that the sandbox forbids"
    tap.require("strace", "systemd-analyze")
    tap.need(os.geteuid() == 0, "uid 0")
    server = OAuthServer(tls=env.tls()).start()
    log = env.path("calls")
    helper = Helper(env, server, {"alice@example.com": {"provider": "named", "hosts": "localhost"}},
                    providers={"named": {
                        "token_endpoint": f"https://localhost:{server.port}/t/oauth2/v2.0/token",
                        "scope": "mail"}},
                    # as the unit does: without root from the start
                    run_as=None, wrapper=["setpriv", "--reuid=daemon", "--regid=daemon",
                                          "--clear-groups", "strace", "-f", "-qq", "-o", log])
    helper.run_as = helper.owner = "daemon"
    os.chown(helper.state_dir, 1, 1)
    for path in (helper.path("run"), env.dir):
        os.chown(path, 1, 1)
    helper.start()
    helper.store("alice@example.com", server.issue("alice@example.com"))
    assert helper.request({"request": "refresh", "account": "alice@example.com"})[
        "status"] == "ok", helper.log()
    assert helper.reload()["status"] == "ok"
    helper.stop()
    with open(log, encoding="utf-8", errors="replace") as f:
        text = f.read()
    # strace may tell of one in two lines
    begun = re.findall(r"^\d+ +(?:execve\(|<\.\.\. execve resumed>).* = 0$", text, re.M)
    assert len(begun) == 2, ("daemon, then fetch", begun)
    calls = set(re.findall(r"^\d+ +(?:<\.\.\. )?([a-z_0-9]+)[( ]", text, re.M))
    assert len(calls) > 40, calls
    assert calls <= allowed_calls(), calls - allowed_calls()
    families = set(re.findall(r"socket(?:pair)?\((AF_\w+|PF_\w+)", text))
    right = set(value("sasl-bearerd.service", "RestrictAddressFamilies").split())
    assert families <= right | {"AF_NETLINK"}, families     # NETLINK: libc does without
    assert not re.search(r"PROT_WRITE\|PROT_EXEC|PROT_READ\|PROT_WRITE\|PROT_EXEC", text)


tap.main(timeout=180)
