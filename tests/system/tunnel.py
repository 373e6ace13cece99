#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tunnel - mail sessions that need no login, for programs that cannot log in by OAuth"""

import contextlib
import hashlib
import imaplib
import os
import poplib
import random
import select
import shlex
import signal
import smtplib
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from dovecot import WholeLines
from env import BUILDDIR, built, children, environment, identity, sasl_path, wait_for
from mail import Dovecot
from scripted import Imap, Scripted
from setup import install, setup
from world import World

ALICE = "alice@example.com"
PORTS = {"imap": ("imaps", "imap"), "pop": ("pops", "pop"), "smtp": ("smtps", "smtp")}
STRANGER = "games"
LARGE = 100 << 20
SEED = int(os.environ.get("SEED") or random.randrange(1, 1 << 32))


class Obedient(Imap):
    """An IMAP server that lets in who has a token, and then does as it is told."""

    def handle(self):
        self.say("* OK scripted")
        inside = False
        while line := self.hear().decode("utf-8", "replace"):
            tag, verb, *rest = line.split()
            if verb == "CAPABILITY":
                self.say("* CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2", f"{tag} OK done")
                if inside:
                    self.server.after(self)
                    return
            elif verb == "AUTHENTICATE":
                inside = self.login(rest[0], self.initial(rest[1:]))
                self.say(f"{tag} OK in" if inside else f"{tag} {self.server.verdict}")


def obedient(world, after, pair=(), **how):
    """Such a server; after(session) is called when somebody is in.

    pair   its certificate and key, else the good ones; None: it talks in clear
    how    of scripted.Scripted
    """
    server = Scripted(world.env, Obedient, world.oauth, tls=None if pair is None else "at once",
                      **how)
    if pair:
        server.context.load_cert_chain(*pair)
    server.after = after
    return server


def ended(server):
    """How many of its connections have ended."""
    return server.events.count("closed")


class Tunnel:
    """A `sasl-bearer tunnel` and our two ends of its pipes; a context manager."""

    def __init__(self, world, *operands, options=(), uid=None, **popen):
        self.error_path = world.env.log_file(world.env.name("tunnel"))
        with open(self.error_path, "wb") as error:
            self.process = subprocess.Popen(
                [built("sasl-bearer"), "tunnel", "--ca-file", world.env.tls().ca, *options,
                 *map(str, operands)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=error, env=environment(world.environment), **identity(uid), **popen)
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        for end in (self.stdin, self.stdout):
            with contextlib.suppress(OSError):
                end.close()
        self.process.kill()
        self.process.wait()

    def send(self, data):
        self.stdin.write(data)
        self.stdin.flush()

    def more(self):
        """Wait for more in the buffer; False at the end."""
        assert select.select([self.stdout], [], [], 30)[0], f"nothing comes; {self.errors()}"
        data = os.read(self.stdout.fileno(), 1 << 20)
        self.buffer += data
        return bool(data)

    def read(self, size=None):
        """So many bytes, or all up to the end."""
        while (size is None or len(self.buffer) < size) and self.more():
            pass
        data, self.buffer = self.buffer[:size], self.buffer[len(self.buffer[:size]):]
        return bytes(data)

    def line(self):
        """The next line."""
        while (end := self.buffer.find(b"\n")) < 0:
            if not self.more():
                end = len(self.buffer)
                break
        return self.read(end + 1).decode().rstrip("\r\n")

    def lines(self, last):
        """Lines up to one that begins with that."""
        found = [self.line()]
        while not found[-1].startswith(last):
            assert found[-1], found
            found.append(self.line())
        return found

    def wait(self, timeout=20):
        """Wait for the end; returns the exit status."""
        return self.process.wait(timeout)

    def errors(self):
        """What it wrote on the standard error."""
        with open(self.error_path, encoding="utf-8") as f:
            return f.read()


class ImapStream(WholeLines, imaplib.IMAP4_stream):
    """IMAP through a command."""


class SmtpSocket(smtplib.SMTP):
    """SMTP to a unix socket, whose path is the host."""

    def _get_socket(self, host, port, timeout):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(timeout)
        s.connect(host)
        return s


class PopSocket(poplib.POP3):
    """POP3 to a unix socket, whose path is the host."""

    def _create_socket(self, timeout):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(timeout)
        s.connect(self.host)
        return s


class Mail(World):
    """A world in which `sasl-bearer tunnel` runs."""

    def __init__(self, env):
        super().__init__(env, certified=False)
        self.helper.start()
        self.narrow = Dovecot(env, self.oauth, "plain xoauth2", sink=self.sink).start()
        self.environment = {"SASL_PATH": sasl_path(), "SASL_BEARER_SOCKET": self.helper.socket,
                            "PATH": f"{BUILDDIR}:{os.environ['PATH']}", "HOME": env.mkdir("home")}
        self.account(ALICE)

    def tunnel(self, service="imap", user=ALICE, port=None, **how):
        port = port or getattr(self.dovecot, PORTS[service][0])
        return Tunnel(self, user, service, f"localhost:{port}", **how)

    def printed(self, program, user, *options, port=None):
        """What setup prints, in the home directory; returns what is to be run."""
        found = setup(self.helper, program, user, "--ca-file", self.env.tls().ca, "--server",
                      f"localhost:{port or self.dovecot.imaps}", *options)
        install(self.environment["HOME"], found)
        return found.get("run", ":")

    def sh(self, script, timeout=30):
        """Run a script as a person does; returns a Result."""
        return self.env.run(["sh", "-ec", script], env=self.environment, timeout=timeout)

    @contextlib.contextmanager
    def listening(self, service, user=ALICE, port=None, where="socket"):
        """A tunnel that listens; gives the socket's path and its Process."""
        port = port or getattr(self.dovecot, PORTS[service][0])
        directory = self.env.mkdir(self.env.name("listen"))
        path = os.path.join(directory, where)
        process = self.env.start(self.env.name("tunnel"), [
            built("sasl-bearer"), "tunnel", "--ca-file", self.env.tls().ca, "--listen",
            "unix:" + path, user, service, f"localhost:{port}"], env=self.environment)
        def ready():
            assert process.alive(), process.log()
            with open("/proc/net/unix", encoding="utf-8") as f:
                return any(line.split()[3] == "00010000" and line.endswith(f" {path}\n")
                           for line in f)
        wait_for(ready)
        try:
            yield path, process
        finally:
            process.stop()

    def run(self, *words, **how):
        """Run a program of the caller's."""
        return self.env.run(words, env=self.environment, timeout=30, **how)

    def gone(self):
        """An account whose grant is revoked; returns its user."""
        user = "gone@example.com"
        if user not in self.helper.accounts:
            self.account(user, expires_in=1)
            self.oauth.revoke(user)
            wait_out(1.1)
        return user

    def rejected(self):
        """A new account with a token that the server does not want; returns its user."""
        user = self.env.name("rejected") + "@example.com"
        self.oauth.expire(self.account(user)["access_token"])
        return user


def wait_out(seconds):
    """Wait until a lifetime is over."""
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() > end, seconds + 5)


def begins_well(world, service, user):
    """Whether a login works."""
    with world.tunnel(service, user) as t:
        return begin(t, service).startswith(("* PREAUTH", "+OK", "235"))


def begin(t, service):
    """Say what a program says until it is in; returns the last line."""
    if service == "imap":
        return t.line()
    t.line()
    for word in ("USER x", "PASS y") if service == "pop" else ("EHLO x", "AUTH PLAIN AAA="):
        t.send(word.encode() + b"\r\n")
        answer = t.lines(("+", "-") if service == "pop" else tuple(
            f"{n}{n2}{n3} " for n in range(2, 6) for n2 in range(10) for n3 in range(10)))[-1]
    return answer


# ---- sessions

@tap.promise
def imap(world):
    "IMAP begins as PREAUTH with the server's capabilities, by TLS and by STARTTLS"
    for name in PORTS["imap"]:
        before = len(world.dovecot.log())
        with world.tunnel(port=getattr(world.dovecot, name)) as t:
            greeting = t.line()
            assert greeting.startswith("* PREAUTH [CAPABILITY IMAP4rev1 ") and ALICE in greeting
            assert "IDLE" in greeting and "AUTH=" not in greeting and "STARTTLS" not in greeting
            t.send(b"x SELECT INBOX\r\ny LOGOUT\r\n")
            assert t.lines("x ")[-1].startswith("x OK [READ-WRITE]")
            assert t.lines("y ")[-1].startswith("y OK")
            assert t.read() == b"" and t.wait() == 0 and t.errors() == ""
        world.dovecot.wait_login(ALICE, "OAUTHBEARER", before)


@tap.promise
def pop(world):
    "POP3 takes any USER and PASS, APOP, AUTH PLAIN or LOGIN, and none; CAPA is the server's"
    logins = (["USER me", "PASS any"], ["APOP me 0123456789abcdef"], ["AUTH PLAIN AAAA"],
              ["AUTH PLAIN", "AAAA"], ["AUTH LOGIN", "AAAA", "BBBB"])
    for name in PORTS["pop"]:
        for login in logins:
            with world.tunnel("pop", port=getattr(world.dovecot, name)) as t:
                assert t.line().startswith("+OK"), login
                t.send(b"CAPA\r\n")
                able = t.lines(".")
                assert "UIDL" in able and "USER" in able and "SASL PLAIN LOGIN" in able, able
                assert not any(word in " ".join(able) for word in ("BEARER", "XOAUTH", "STLS"))
                for word in login:
                    t.send(word.encode() + b"\r\n")
                    assert t.line().startswith("+"), login
                t.send(b"STAT\r\nQUIT\r\n")
                assert t.line().startswith("+OK ") and t.line().startswith("+OK"), login
                assert t.read() == b"" and t.wait() == 0


@tap.promise
def smtp(world):
    "SMTP takes any AUTH PLAIN or LOGIN, and none; EHLO's list is the server's"
    logins = ([], ["AUTH PLAIN AAAA"], ["AUTH PLAIN", "AAAA"], ["AUTH LOGIN", "AAAA", "BBBB"],
              ["AUTH LOGIN AAAA", "BBBB"])
    for name in PORTS["smtp"]:
        for number, login in enumerate(logins):
            before = len(world.sink.messages)
            with world.tunnel("smtp", port=getattr(world.dovecot, name)) as t:
                assert t.line().startswith("220 "), login
                t.send(b"EHLO client\r\n")
                able = t.lines("250 ")
                assert able[-1] == "250 AUTH PLAIN LOGIN" and "250-PIPELINING" in able, able
                assert not any(word in " ".join(able) for word in ("BEARER", "XOAUTH", "STARTTLS"))
                for word in login:
                    t.send(word.encode() + b"\r\n")
                    assert t.line()[0] in "23", login
                t.send(b"MAIL FROM:<alice@example.com>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n")
                assert [t.line()[:3] for _ in range(3)] == ["250", "250", "354"], login
                t.send(f"Subject: {name} {number}\r\n\r\nhi\r\n.\r\nQUIT\r\n".encode())
                assert [t.line()[:3] for _ in range(2)] == ["250", "221"], login
                assert t.wait() == 0
            assert f"Subject: {name} {number}\r\n" in world.sink.wait(before + 1)[-1].data


@tap.promise
def mechanisms(world):
    "where the server offers only XOAUTH2 that is taken; where neither, it says so and sends none"
    for service in PORTS:
        before = len(world.narrow.log())
        with world.tunnel(service, port=getattr(world.narrow, PORTS[service][0])) as t:
            assert begin(t, service).startswith(("* PREAUTH", "+OK", "235")), t.errors()
        world.narrow.wait_login(ALICE, "XOAUTH2", before)
    plain = Dovecot(world.env, world.oauth, "plain").start()
    for service in PORTS:
        with world.tunnel(service, port=getattr(plain, PORTS[service][0])) as t:
            answer = begin(t, service)
            assert answer.startswith(("* BYE", "-ERR", "454")), answer
            assert "offers neither OAUTHBEARER nor XOAUTH2" in answer, answer
            t.stdin.close()
            assert t.wait() == 78 and "offers neither" in t.errors()
    assert "method=" not in plain.log()


# ---- programs

def fetchmail(world, service, user=ALICE):
    """Run fetchmail; returns a Result, in which stdout has what was fetched, too."""
    tap.require("fetchmail")
    script = world.printed("fetchmail", user, "--service", service, port=getattr(
        world.dovecot, PORTS[service][0]))
    return world.sh(f"{script}rm -f ~/.fetchids\nfetchmail --fetchall --mda cat")


@tap.promise
def fetchmail_fetches(world):
    "fetchmail fetches by IMAP and by POP3, with `plugin`, and knows no password"
    for service in ("imap", "pop"):
        world.dovecot.deliver(ALICE, f"fetchmail {service}")
        before = len(world.dovecot.log())
        done = fetchmail(world, service)
        assert done.rc == 0 and f"Subject: fetchmail {service}\n" in done.stdout, done
        world.dovecot.wait_login(ALICE, "OAUTHBEARER", before)


@tap.promise
def fetchmail_fails(world):
    "fetchmail fails and shows the words of the server, or the command that a person must run"
    for service, words in (("imap", "[AUTHENTICATIONFAILED] Authentication failed."),
                           ("pop", "[AUTH] Authentication failed.")):
        done = fetchmail(world, service, world.gone())
        assert done.rc not in (0, 1), done
        assert 'run "sasl-bearer login gone@example.com"' in done.stdout + done.stderr, done
        done = fetchmail(world, service, world.rejected())
        assert done.rc not in (0, 1), done
        assert words in done.stdout + done.stderr, done


@tap.promise
def mbsync_tunnel(world):
    "mbsync synchronises both ways with `Tunnel`, and fails well"
    tap.require("mbsync")
    inbox = world.env.path("home/Mail", ALICE, "INBOX")
    def run(user):
        return world.sh(world.printed("mbsync", user, "--with", "tunnel"))
    world.dovecot.deliver(ALICE, "mbsync down")
    done = run(ALICE)
    assert done.rc == 0 and world.sh(f"grep -r 'mbsync down' {inbox}").rc == 0, done
    world.env.write(inbox + "/cur/1.mbsync:2,S", "Subject: mbsync up\n\nhi\n")
    done = run(ALICE)
    assert done.rc == 0, done
    assert world.sh(f"grep -r 'mbsync up' {world.dovecot.dir}/mail/{ALICE}").rc == 0, done
    done = run(world.gone())
    assert done.rc != 0 and 'run "sasl-bearer login gone@example.com"' in done.stderr, done


@tap.promise
def offlineimap_tunnel(world):
    "OfflineIMAP synchronises with `preauthtunnel`, and fails well"
    tap.require("offlineimap")
    def run(user):
        return world.sh(world.printed("offlineimap", user, "--with", "tunnel") + "\n")
    world.dovecot.deliver(ALICE, "offlineimap down")
    done = run(ALICE)
    assert done.rc == 0 and world.sh("grep -r 'offlineimap down' ~/Mail").rc == 0, done
    done = run(world.gone())
    tap.note(done)
    assert done.rc != 0 and 'run "sasl-bearer login gone@example.com"' in done.stderr, done


@tap.promise
def git_imap_send(world):
    "git imap-send stores patches with `imap.tunnel`, and fails well"
    tap.require("git")
    patch = ("From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n"
             "From: Alice <alice@example.com>\nDate: Sat, 21 Nov 2026 12:00:00 +0000\n"
             "Subject: [PATCH] git imap-send\n\nhi\n--\n2.39.5\n")
    path = world.env.write("home/patch", patch)
    world.printed("git-imap-send", ALICE)
    done = world.sh(f"git imap-send <{path}")
    assert done.rc == 0, done
    assert world.sh(f"grep -r 'git imap-send' {world.dovecot.dir}/mail/{ALICE}").rc == 0, done
    world.printed("git-imap-send", world.gone())
    done = world.sh(f"git imap-send <{path}")
    assert done.rc != 0 and 'run "sasl-bearer login gone@example.com"' in done.stderr, done


@tap.promise
def swaks(world):
    "swaks, which knows only passwords, sends by a pipe and through a socket"
    tap.require("swaks")
    auth = "--auth-user anybody --auth-password anything --auth"
    def command(user=ALICE):
        return world.printed("swaks", user, port=world.dovecot.smtp).rstrip("\n")
    with world.listening("smtp") as (path, _):
        through = f"swaks --socket {path} --to bob@example.net --from {ALICE}"
        for number, script in enumerate((
                command(), f"{command()} {auth} PLAIN", through, f"{through} {auth} PLAIN",
                f"{through} {auth} LOGIN --pipeline")):
            before = len(world.sink.messages)
            done = world.sh(f"{script} --header 'Subject: swaks {number}'")
            assert done.rc == 0, done
            assert f"Subject: swaks {number}\r\n" in world.sink.wait(before + 1)[-1].data
    for user, code in ((world.gone(), "454 4.7.0"), (world.rejected(), "535 5.7.8")):
        done = world.sh(f"{command(user)} {auth} PLAIN")
        assert done.rc == 28 and f"<** {code}" in done.stdout, done     # 28: AUTH failed


@tap.promise
def python(world):
    "Python's imaplib by a command, poplib and smtplib through sockets, several at once"
    world.dovecot.deliver(ALICE, "python")
    with world.listening("smtp") as (smtp_path, _), world.listening("pop") as (pop_path, _):
        clients = []
        for number in range(3):
            client = SmtpSocket(smtp_path, 25, timeout=20)
            client.login("anybody", "anything")
            clients.append(client)
        for number, client in enumerate(clients):
            client.sendmail(ALICE, ["bob@example.net"], f"Subject: python {number}\r\n\r\nhi\r\n")
            client.quit()
        mailbox = PopSocket(pop_path, timeout=20)
        mailbox.user("anybody")
        mailbox.pass_("anything")
        assert mailbox.stat()[0] > 0 and mailbox.uidl()[0].startswith(b"+OK")
        mailbox.quit()
    with ImapStream("exec " + shlex.join([
            "env", *(f"{name}={value}" for name, value in world.environment.items()),
            "sasl-bearer", "tunnel", "--ca-file", world.env.tls().ca, ALICE, "imap",
            f"localhost:{world.dovecot.imaps}"])) as client:
        assert client.state == "AUTH" and client.select()[0] == "OK"
        assert client.search(None, "SUBJECT", "python")[1][0]


# ---- bytes

@tap.promise
def idle(world):
    "IDLE: what the server says by itself arrives at once, for as long as it takes"
    with world.tunnel() as t:
        t.line()
        t.send(b"a SELECT INBOX\r\n")
        t.lines("a ")
        t.send(b"b IDLE\r\n")
        assert t.line().startswith("+ ")
        for number in range(3):
            world.dovecot.deliver(ALICE, f"idle {number}")
            assert t.lines("* ")[-1].endswith(("EXISTS", "RECENT"))
        t.send(b"DONE\r\nc LOGOUT\r\n")
        t.lines("c ")
        assert t.wait() == 0


def cpu_s(pid):
    """Seconds of processor time that a process has had."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@tap.promise
def no_spin(world):
    "while nobody says anything a tunnel uses no processor time, on pipes and on a socket"
    server = obedient(world, echo)
    with world.tunnel(port=server.port) as t, \
            world.listening("imap", port=server.port) as (path, process), \
            socket.socket(socket.AF_UNIX) as client:
        t.line()
        client.connect(path)
        assert client.recv(1000).startswith(b"* PREAUTH")
        pids = [t.process.pid, process.pid, *children(process.pid)]
        assert len(pids) == 3
        before = sum(map(cpu_s, pids))
        time.sleep(1)
        assert sum(map(cpu_s, pids)) - before < 0.3


@tap.promise
def deaf(world):
    "a program that reads no more, and does not end, costs no processor time either"
    server = obedient(world, echo)
    with world.tunnel(port=server.port) as t:
        t.line()
        t.stdout.close()
        before = cpu_s(t.process.pid)
        time.sleep(1)
        assert cpu_s(t.process.pid) - before < 0.3
        t.send(b"is anybody there?")    # what comes back has nowhere to go
        t.wait()


@tap.promise
def hundred_megabytes(world):
    "a message of 100 MB goes up and comes down unchanged, as a literal"
    body = random.Random(SEED).randbytes(1 << 20).hex().encode()
    lines = b"\r\n".join(body[i:i + 76] for i in range(0, len(body), 76))
    message = b"Subject: large\r\n\r\n" + (lines + b"\r\n") * (LARGE // (len(lines) + 2) + 1)
    assert len(message) > LARGE
    with world.tunnel() as t:
        t.line()
        began = time.monotonic()
        t.send(b"a APPEND INBOX {%d}\r\n" % len(message))
        assert t.line().startswith("+ ")
        t.send(message + b"\r\n")
        up = time.monotonic() - began
        uid = t.lines("a OK [APPENDUID")[-1].split()[4].rstrip("]")
        t.send(b"b SELECT INBOX\r\n")
        t.lines("b OK")
        began = time.monotonic()
        t.send(f"c UID FETCH {uid} BODY.PEEK[]\r\n".encode())
        size = int(t.line().partition("{")[2].rstrip("}"))
        assert size == len(message)
        digest = hashlib.sha256()
        while size > 0:
            part = t.read(min(size, 1 << 20))
            assert part, "it ends too early"
            digest.update(part)
            size -= len(part)
        down = time.monotonic() - began
        assert digest.digest() == hashlib.sha256(message).digest()
        t.lines("c OK")
        t.send(f"d UID STORE {uid} +FLAGS.SILENT \\Deleted\r\ne EXPUNGE\r\n".encode())
        t.lines("e OK")
    tap.note(f"{len(message) / up / 1e6:.0f} MB/s up, {len(message) / down / 1e6:.0f} MB/s down")


def echo(session):
    """Send back all that comes, until it ends."""
    while data := session.rfile.read1(65536):
        session.wfile.write(data)


@tap.promise
def transparent(world):
    "every byte goes both ways at once, whatever it is and however it is cut"
    tap.note(f"seed {SEED}")
    chance = random.Random(SEED)
    server = obedient(world, echo)
    data = bytes(range(256)) * 4 + b"\r\n.\r\n\0\n" + chance.randbytes(10 << 20)
    with world.tunnel(port=server.port) as t:
        assert t.line().startswith("* PREAUTH")
        def feed():
            rest = data
            for size in [1] * 300 + [chance.randrange(1, 100000) for _ in range(100)]:
                t.send(rest[:size])
                rest = rest[size:]
            t.send(rest)
        threading.Thread(target=feed, daemon=True).start()
        assert t.read(len(data)) == data


@tap.promise
def stuffed(world):
    "a program that does not read for a while loses nothing, and neither does a server"
    rounds, block = 40, b"x" * (1 << 18)
    go = threading.Event()
    def late(session):
        for _ in range(rounds):
            session.wfile.write(block)
        go.wait(20)
        assert session.rfile.read(rounds * len(block)) == rounds * block
        session.wfile.write(b"all")
    server = obedient(world, late)
    with world.tunnel(port=server.port) as t:
        t.line()
        def feed():
            for _ in range(rounds):
                t.send(block)
        threading.Thread(target=feed, daemon=True).start()
        time.sleep(0.5)
        assert t.read(rounds * len(block)) == block * rounds
        go.set()
        assert t.read(3) == b"all"


# ---- ends

@tap.promise
def half_closed(world):
    "a program that has said all gets the rest of the server's answer, and then the end"
    def answer(session):
        session.hear()
        time.sleep(0.5)
        session.wfile.write(b"y" * (1 << 20) + b"end")
    server = obedient(world, answer)
    with world.tunnel(port=server.port) as t:
        t.line()
        t.send(b"last words\r\n")
        t.stdin.close()
        assert t.read() == b"y" * (1 << 20) + b"end"
        assert t.wait() == 0 and t.errors() == ""


@tap.promise
def server_closes(world):
    "when the server closes, by its protocol or without, the program gets all it sent and the end"
    def bye(session):
        session.say("* BYE shutting down")
        session.request.unwrap()
    def hang_up(session):
        session.say("* BYE shutting down")
        session.request.shutdown(socket.SHUT_RDWR)
    for end in (bye, hang_up):
        with world.tunnel(port=obedient(world, end).port) as t:
            t.line()
            assert t.read() == b"* BYE shutting down\r\n"
            assert t.wait() == 0, t.errors()


@tap.promise
def server_breaks(world):
    "when the connection to the server breaks the program gets the end, and 75 says that"
    def reset(session):
        session.hear()
        session.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(session.request.detach())
    with world.tunnel(port=obedient(world, reset).port) as t:
        t.line()
        t.send(b"go\r\n")
        assert t.read() == b"" and t.wait() == 75
        assert "localhost: the connection to the mail server broke: Connection reset" in t.errors()


@tap.promise
def killed(world):
    "whoever is killed, the program or the tunnel, silent or busy: nothing is left of either"
    def flood(session):
        while True:
            session.wfile.write(bytes(65536))
    for server in (obedient(world, echo), obedient(world, flood)):
        begun = 0
        def gone():
            wait_for(lambda: ended(server) == begun, 20, "the end of the connection")
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP):
            with world.tunnel(port=server.port) as t:
                t.line()
                t.process.send_signal(number)
                t.read()
                assert t.wait() == -number
                begun += 1
                gone()
        with world.tunnel(port=server.port) as t:       # as a killed program leaves it
            t.line()
            t.stdin.close()
            t.stdout.close()
            assert t.wait() == 0, t.errors()
            begun += 1
            gone()
        with world.listening("imap", port=server.port) as (path, _):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                assert client.recv(1000).startswith(b"* PREAUTH")
            begun += 1
            gone()


@tap.promise
def listener_ends(world):
    "a listening tunnel takes its socket along; sessions under way go on to their own end"
    server = obedient(world, echo)
    with world.listening("imap", port=server.port) as (path, process), \
            socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(path)
        assert client.recv(1000).startswith(b"* PREAUTH")
        process.send(signal.SIGTERM)
        assert process.wait() == 0
        assert not os.path.exists(path)
        client.sendall(b"still there?")
        assert client.recv(1000) == b"still there?"
    wait_for(lambda: ended(server) == 1, 20, "the end of the session")


# ---- what goes wrong before

@tap.promise
def own_words(world):
    "a server that refuses is heard in its own words: BYE, -ERR, or its SMTP code"
    expected = {"imap": "* BYE [AUTHENTICATIONFAILED] Authentication failed.",
                "pop": "-ERR [AUTH] Authentication failed.",
                "smtp": "535 5.7.8 Authentication failed."}
    for service, words in expected.items():
        user = world.rejected()
        with world.tunnel(service, user) as t:
            assert begin(t, service) == words
            t.stdin.close()
            assert t.wait() == 77, t.errors()
            assert f'localhost does not let {user} in: "' in t.errors(), t.errors()
            assert "Authentication failed." in t.errors(), t.errors()
        wait_for(lambda: world.refreshes(user) == 1, what="the refresh")
        wait_for(lambda: begins_well(world, service, user), what="the next login")
    server = obedient(world, None, verdict="NO [UNAVAILABLE] try later, please")
    server.oauth = None
    with world.tunnel(port=server.port) as t:
        assert t.line() == "* BYE [UNAVAILABLE] try later, please" and t.wait() == 75


@tap.promise
def login_required(world):
    "when a person must sign in the program is told how, and nothing is sent to the server"
    before = len(world.dovecot.log())
    for service, head in (("imap", "* BYE [ALERT] "), ("pop", "-ERR [AUTH] "),
                          ("smtp", "454 4.7.0 ")):
        with world.tunnel(service, world.gone()) as t:
            answer = begin(t, service)
            assert answer.startswith(head), answer
            assert answer.endswith('run "sasl-bearer login gone@example.com"'), answer
            t.stdin.close()
            assert t.wait() == 69 and answer[len(head):] in t.errors(), t.errors()
    assert "gone@example.com" not in world.dovecot.log()[before:]


@tap.promise
def trouble(world):
    "trouble that will pass is temporary for the program: helper, provider or server down"
    world.account("down@example.com", expires_in=1)
    wait_out(1.1)
    heads = {"imap": "* BYE [UNAVAILABLE] ", "pop": "-ERR [SYS/TEMP] ", "smtp": "454 4.7.0 "}
    def check(service, words, **how):
        with world.tunnel(service, **how) as t:
            answer = begin(t, service)
            assert answer.startswith(heads[service]) and words in answer, answer
            t.stdin.close()
            assert t.wait() == 75 and words in t.errors(), t.errors()
    nobody = world.env.port()
    for service in PORTS:
        check(service, "Connection refused", port=nobody)
    world.oauth.stop()
    try:
        for service in PORTS:
            check(service, "cannot connect to 127.0.0.1: Connection refused",
                  user="down@example.com")
    finally:
        world.oauth.start()


@tap.promise
def certificates(world):
    "to a server with a wrong certificate, or without TLS, nothing is sent; no token is asked for"
    user = "careful@example.com"
    world.account(user)
    for pair in (world.env.tls().wrong_host(), world.env.tls().expired(), None):
        server = obedient(world, echo, pair)
        with world.tunnel(user=user, port=server.port) as t:
            answer = t.line()
            assert answer.startswith("* BYE ") and "nothing was sent" in answer, answer
            assert ("certificate is no good" if pair else "STARTTLS") in answer, answer
            assert t.wait() == 76, t.errors()
        assert not any("AUTH" in line for line in server.lines), server.lines
        if pair:
            assert not server.lines
    done = world.run(built("sasl-bearer"), "tunnel", user, "imap",
                     f"localhost:{world.dovecot.imaps}", input="")
    assert done.rc == 76 and "nothing was sent" in done.stdout, done      # not the system's CA
    assert "last_used" not in world.helper.list()[user]
    with world.tunnel(user=user) as t:
        t.line()
    assert "last_used" in world.helper.list()[user]


@tap.promise
def no_server(world):
    "without a server that the account is for, or a helper, it ends at once, and tells everybody"
    world.account("host@example.com", hosts="imap.example.com")
    with world.tunnel(user="host@example.com") as t:
        assert t.line().startswith("* BYE the tunnel has no") and t.wait() == 77
        assert 'host "localhost" is not in hosts of account "host@example.com"' in t.errors()
    assert "host@example.com" not in world.dovecot.log()
    for service, words in (("imap", "* BYE "), ("pop", "-ERR "), ("smtp", "421 4.3.0 ")):
        done = world.run(built("sasl-bearer"), "--socket", world.env.path("nowhere"), "tunnel",
                         ALICE, service, f"localhost:{world.dovecot.imaps}", input="")
        assert done.rc == 75 and "no answer from the helper" in done.stderr, done
        assert done.stdout.startswith(words) and done.stdout.count("\n") == 1, done


# ---- the socket

CONNECT = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
s.connect(sys.argv[1])
print(s.recv(1000).decode())
"""


@tap.promise
def strangers(world):
    "the socket's mode is open, and yet only uids that the account allows are served, as of now"
    user = "shared@example.com"
    world.account(user, allow="bin")
    server = obedient(world, echo)
    def connect(uid, path):
        done = world.env.run(["/usr/bin/python3", "-c", CONNECT, path], uid=uid)
        assert done.rc == 0, done
        return done.stdout
    with world.listening("imap", user, server.port) as (path, process):
        assert os.stat(path).st_mode & 0o777 == 0o666
        for _ in range(2):
            assert connect(STRANGER, path) == "* BYE not for this user\n\n"
        assert server.lines == [], "the server was talked to for a stranger"
        assert f'account "{user}" does not allow uid' in process.log()
        assert connect("bin", path).startswith("* PREAUTH") and server.lines
        assert connect(None, path).startswith("* PREAUTH")
        world.define(user, allow=STRANGER)
        assert connect("bin", path) == "* BYE not for this user\n\n"
        assert connect(STRANGER, path).startswith("* PREAUTH")
    for service, words in (("pop", "-ERR"), ("smtp", "554 5.7.0")):
        world.define(user, allow="bin")
        with world.listening(service, user) as (path, _):
            assert connect(STRANGER, path) == f"{words} not for this user\n\n"


@tap.promise
def places(world):
    "no TCP port, no place that others can write to, nothing that is no dead socket"
    def listen(place):
        return world.run(built("sasl-bearer"), "tunnel", "--listen", place, ALICE, "imap",
                         f"localhost:{world.dovecot.imaps}")
    for place in ("127.0.0.1:1143", "tcp:1143", "1143", "unix:relative", "unix:"):
        done = listen(place)
        assert done.rc == 64 and "unix:PATH" in done.stderr, done
    world.env.mkdir("shared", 0o1777)
    done = listen("unix:" + world.env.path("shared/socket"))
    assert done.rc == 73 and "may be written by others" in done.stderr, done
    file = world.env.write("file", "not a socket\n")
    done = listen("unix:" + file)
    assert done.rc == 73 and "no socket" in done.stderr and os.path.getsize(file) == 13, done
    with world.listening("imap") as (path, process):
        done = listen("unix:" + path)
        assert done.rc == 73 and "listens" in done.stderr and os.path.exists(path), done
        process.send(signal.SIGKILL)
        process.wait()
        assert os.path.exists(path)
        again = world.env.start("again", [
            built("sasl-bearer"), "tunnel", "--ca-file", world.env.tls().ca, "--listen",
            "unix:" + path, ALICE, "imap", f"localhost:{world.dovecot.imaps}"],
            env=world.environment)
        def served():
            assert again.alive(), again.log()
            done = world.env.run(["/usr/bin/python3", "-c", CONNECT, path])
            return done.stdout.startswith("* PREAUTH")
        wait_for(served, 20)
        assert again.stop() == 0


@tap.promise
def sixty_four(world):
    "of the programs at a listening tunnel 64 are served at a time; the next is when one ends"
    server = obedient(world, echo)

    def connect(path):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        s.connect(path)
        return s
    with world.listening("imap", port=server.port) as (path, _), contextlib.ExitStack() as stack:
        served = [stack.enter_context(connect(path)) for _ in range(64)]
        for s in served:
            assert s.recv(100).startswith(b"* PREAUTH")
        one_more = stack.enter_context(connect(path))
        assert not select.select([one_more], [], [], 0.5)[0]
        served.pop().close()
        assert one_more.recv(100).startswith(b"* PREAUTH")


@tap.promise
def no_secrets(world):
    "no token and no secret is in the helper's log, though it is at debug"
    world.assert_no_secret(world.helper.log())


tap.main(Mail, root=True, programs=["dovecot"], timeout=300)
