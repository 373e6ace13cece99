#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""guest - the plugin as a guest in programs that have other things to do"""

import json
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import built, sasl_path
from mail import mbsync
from world import MECHANISMS, World

ALICE = "alice@example.com"
PASSWORD = "correct horse"
NO_PLAINTEXT = 1                # SASL_SEC_NOPLAINTEXT
OFFERED = "LOGIN PLAIN XOAUTH2 OAUTHBEARER"

# A program on libsasl2: reads what to do as JSON, prints what came of it.
PROGRAM = r"""
import ctypes, json, os, sys, time
from ctypes import POINTER, byref, c_char_p, c_int, c_uint, c_ulong, c_void_p

job = json.loads(sys.stdin.read())
words = {0x4001: job["authzid"], 0x4002: job["user"]}
keep = []

class Callback(ctypes.Structure):
    _fields_ = [("id", c_ulong), ("proc", c_void_p), ("context", c_void_p)]

class Secret(ctypes.Structure):
    _fields_ = [("len", c_ulong), ("data", ctypes.c_char * 64)]

class Props(ctypes.Structure):
    _fields_ = [("min_ssf", c_uint), ("max_ssf", c_uint), ("maxbufsize", c_uint),
                ("security_flags", c_uint), ("names", c_void_p), ("values", c_void_p)]

@ctypes.CFUNCTYPE(c_int, c_void_p, c_int, POINTER(c_char_p), POINTER(c_uint))
def name(context, which, result, length):
    keep.append(words[which].encode())
    result[0] = keep[-1]                    # the length is left alone, as many programs do
    return 0

@ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, POINTER(c_void_p))
def password(conn, context, which, result):
    asked.append("password")
    keep.append(Secret(len(job["password"]), job["password"].encode()))
    result[0] = ctypes.addressof(keep[-1])
    return 0

@ctypes.CFUNCTYPE(c_int, c_void_p, c_int, c_char_p)
def log(context, level, text):
    logged.append(text.decode(errors="replace"))
    return 0

def objects():
    found = set()
    for line in open("/proc/self/maps"):
        path = line.split()[-1]
        if ".so" in path:
            found.add(os.path.realpath(path))
    return found

asked, logged = [], []
fds = len(os.listdir("/proc/self/fd"))
sasl = ctypes.CDLL("libsasl2.so.2")
before = objects()
entries = [Callback(0x4002, ctypes.cast(name, c_void_p), None),
           Callback(0x4004, ctypes.cast(password, c_void_p), None),
           Callback(2, ctypes.cast(log, c_void_p), None)]
if job["authzid"]:
    entries.append(Callback(0x4001, ctypes.cast(name, c_void_p), None))
began = time.monotonic()
callbacks = (Callback * (len(entries) + 1))(*entries, Callback(0, None, None))
for _ in range(job["rounds"]):
    assert sasl.sasl_client_init(callbacks) == 0
    if _ < job["rounds"] - 1:
        sasl.sasl_client_done()
start_s = time.monotonic() - began
after = objects()

def login():
    conn, text, count = c_void_p(), c_char_p(), c_int()
    result = {"new": sasl.sasl_client_new(b"smtp", b"localhost", None, None, callbacks, 0,
                                          byref(conn))}
    if job["props"]:
        least, flags = job["props"]
        props = Props(least, 65535, 65536, flags, None, None)
        assert sasl.sasl_setprop(conn, 101, byref(props)) == 0
    if job["ssf"]:
        assert sasl.sasl_setprop(conn, 100, byref(c_uint(job["ssf"]))) == 0
    size, number = c_uint(), c_int()
    sasl.sasl_listmech(conn, None, b"", b" ", b"", byref(text), byref(size), byref(number))
    result["list"] = (text.value or b"").decode()
    out, length, mech, prompts = c_void_p(), c_uint(), c_char_p(), c_void_p()
    result["rc"] = sasl.sasl_client_start(conn, job["offered"].encode(), None, byref(out),
                                          byref(length), byref(mech))
    result["mech"] = (mech.value or b"").decode()
    result["sent"] = ctypes.string_at(out, length.value).decode() if out else ""
    sasl.sasl_errdetail.restype = c_char_p
    result["detail"] = (sasl.sasl_errdetail(conn) or b"").decode(errors="replace")
    sasl.sasl_dispose(byref(conn))
    return result

if job["uid"]:
    os.setgroups([])
    os.setgid(job["uid"])
    os.setuid(job["uid"])
if job["fork"]:
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, json.dumps([login(), logged, asked]).encode())
        os._exit(0)
    os.close(writing)
    result, logged, asked = json.loads(os.fdopen(reading).read())
    os.wait()
else:
    result = login()
result["loaded"] = sorted(os.path.basename(path) for path in after - before)
result["logged"], result["asked"], result["start_s"] = logged, asked, start_s
sasl.sasl_client_done()
result["fds"] = len(os.listdir("/proc/self/fd")) - fds
print(json.dumps(result))
"""


class Guest(World):
    """A world in which programs load the plugin."""

    def __init__(self, env):
        super().__init__(env, certified=False, passwords={ALICE: PASSWORD},
                         settings={"fetch_timeout": "4s"})
        self.helper.start()

    def program(self, user=ALICE, offered=OFFERED, path=None, plugin=True, socket=None, uid=None,
                run_as=None, props=None, ssf=0, rounds=1, fork=False, authzid=None):
        """Run the program on libsasl2; returns what it found.

        path    SASL_PATH, if it is not the usual one
        uid     to start as; run_as: to become once libsasl2 is initialised
        props   (min_ssf, security_flags)
        ssf     of the layer outside, such as TLS
        """
        job = {"user": user, "offered": offered, "props": props, "ssf": ssf, "rounds": rounds,
               "fork": fork, "uid": run_as, "password": PASSWORD, "authzid": authzid}
        done = self.env.run(["/usr/bin/python3", "-c", PROGRAM], uid=uid, input=json.dumps(job), timeout=60,
                            env={"SASL_PATH": path or sasl_path(plugin),
                                 "SASL_BEARER_SOCKET": socket or self.helper.socket})
        assert done.rc == 0, done
        return json.loads(done.stdout)

    def viewer(self, plugin, socket):
        """What saslpluginviewer -c prints of the client's mechanisms and plugins."""
        tap.require("saslpluginviewer")
        done = self.env.run(["saslpluginviewer", "-c"], env={
            "SASL_PATH": sasl_path(plugin), "SASL_BEARER_SOCKET": socket})
        assert done.rc == 0 and "PLAIN" in done.stdout, done
        return done.stdout

    def nowhere(self):
        return self.env.path("nowhere", "socket")


def without_plugin(world):
    """The list and the choice of a program that has never heard of us."""
    found = world.program(plugin=False, socket=world.nowhere())
    assert found["mech"] == "PLAIN" and "XOAUTH2" not in found["list"], found
    return found


def assert_invisible(world, **how):
    """A program finds the same mechanisms in the same order as without the plugin."""
    expected, found = without_plugin(world), world.program(**how)
    for what in ("list", "mech", "sent", "rc"):
        assert found[what] == expected[what], (what, found, expected)
    assert not [line for line in found["logged"] if "bearer" in line.lower()], found["logged"]


def fetch_with_password(world, socket, **how):
    """mbsync with a password, and nothing said of mechanisms."""
    before = len(world.dovecot.log())
    done = mbsync(world.env, world.dovecot.imaps, ALICE, "*", password=PASSWORD,
                  environment={"SASL_BEARER_SOCKET": socket}, **how)
    assert done.rc == 0, done
    world.dovecot.wait_login(ALICE, "PLAIN", before)


@tap.promise
def needs_libc_only(world):
    "H4: the plugin needs libc and nothing else"
    done = world.env.run(["readelf", "-d", built("plugin/.libs/libsaslbearer.so")])
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", done.stdout)
    assert [name for name in needed if not name.startswith("ld-")] == ["libc.so.6"], needed


@tap.promise
def exports_one_symbol(world):
    "the plugin exports sasl_client_plug_init and nothing else"
    done = world.env.run(["nm", "-D", "--defined-only", built("plugin/.libs/libsaslbearer.so")])
    names = [line.split()[-1] for line in done.stdout.splitlines()]
    assert names == ["sasl_client_plug_init"], names


@tap.promise
def no_account_list(world):
    "H1: with a helper that has no account a program's mechanisms are unchanged"
    assert_invisible(world)


@tap.promise
def no_account_viewer(world):
    "saslpluginviewer then shows what it shows without the plugin"
    assert (world.viewer(True, world.helper.socket)
            == world.viewer(False, world.helper.socket))


@tap.promise
def no_account_password(world):
    "H1: a program with a password logs in with it, though the server offers XOAUTH2 as well"
    fetch_with_password(world, world.helper.socket)


@tap.promise
def no_helper(world):
    "without any helper it is the same: mechanisms unchanged, passwords work"
    assert_invisible(world, socket=world.nowhere())
    assert_invisible(world, socket=world.env.write("file", "") + "/socket")
    assert world.viewer(True, world.nowhere()) == world.viewer(False, world.nowhere())
    fetch_with_password(world, world.nowhere())


@tap.promise
def stranger(world):
    "a user whom no account allows has its mechanisms unchanged"
    world.account(ALICE, allow="bin")
    assert_invisible(world, uid="games")
    found = world.program(uid="bin")
    assert found["mech"] == "OAUTHBEARER" and found["rc"] == 0, found


@tap.promise
def one_object(world):
    "H4: the plugin adds one shared object to a program, and no descriptor"
    expected = without_plugin(world)
    found = world.program()
    assert set(found["loaded"]) - set(expected["loaded"]) == {"libsaslbearer.so"}, found["loaded"]
    assert found["fds"] == expected["fds"], found


@tap.promise
def order(world):
    "the order is OAUTHBEARER, XOAUTH2, PLAIN, LOGIN, whatever the order of directories"
    ours, system = sasl_path().split(":")
    for path in (f"{ours}:{system}", f"{system}:{ours}"):
        found = world.program(path=path)
        ranks = [found["list"].split().index(m) for m in (*MECHANISMS, "PLAIN", "LOGIN")]
        assert ranks == sorted(ranks), found["list"]
        for offered in (OFFERED, " ".join(reversed(OFFERED.split()))):
            for mechanism in (*MECHANISMS, "PLAIN", "LOGIN"):
                found = world.program(path=path, offered=offered)
                assert found["mech"] == mechanism, found
                offered = " ".join(m for m in offered.split() if m != mechanism)


@tap.promise
def below_strong(world):
    "mechanisms that prove a password without sending it stay above"
    listed = world.program()["list"].split()
    first = listed.index("OAUTHBEARER")
    strong = [m for m in listed if m.startswith(("SCRAM", "DIGEST", "GSS"))]
    tap.need(strong, "libsasl2's SCRAM")
    assert max(map(listed.index, strong)) < first, listed


@tap.promise
def needs_confidentiality(world):
    "H9: a program that demands confidentiality does not send a token in the clear"
    for props in ((0, NO_PLAINTEXT), (56, 0), (56, NO_PLAINTEXT), (1, 0)):
        for offered in (*MECHANISMS, "XOAUTH2 OAUTHBEARER"):
            found = world.program(offered=offered, props=props)
            assert found["rc"] == -4 and not found["sent"], (props, found)     # SASL_NOMECH
        assert not set(found["list"].split()) & set(MECHANISMS), (props, found["list"])
    for props in ((0, NO_PLAINTEXT), (56, NO_PLAINTEXT)):
        found = world.program(offered="XOAUTH2", props=props, ssf=256)
        assert found["rc"] == 0 and found["sent"], "inside TLS it may: " + str(found)


@tap.promise
def the_token(world):
    "the first step sends the helper's token for the user, and asks for no password"
    token = world.helper.token(service="smtp")["token"]
    found = world.program(offered="XOAUTH2")
    assert found["sent"] == f"user={ALICE}\1auth=Bearer {token}\1\1", found
    found = world.program(offered="OAUTHBEARER")
    assert found["sent"] == f"n,a={ALICE},\1host=localhost\1auth=Bearer {token}\1\1", found
    assert not found["asked"], found["asked"]


@tap.promise
def shared_mailbox(world):
    "a program that names a mailbox to act for has it sent, with the token of its user"
    token = world.helper.token(service="smtp")["token"]
    found = world.program(offered="XOAUTH2", authzid="shared@example.com")
    assert found["sent"] == f"user=shared@example.com\1auth=Bearer {token}\1\1", found
    found = world.program(offered="OAUTHBEARER", authzid="shared@example.com")
    assert found["sent"].startswith("n,a=shared@example.com,\1"), found


@tap.promise
def init_twice(world):
    "H8: a program may end libsasl2 and begin again, as often as it likes"
    found = world.program(rounds=4)
    assert found["mech"] == "OAUTHBEARER" and found["rc"] == 0 and found["sent"], found
    assert found["fds"] == world.program()["fds"], found


@tap.promise
def fork_after_init(world):
    "H8: a program may fork after libsasl2 is initialised"
    found = world.program(fork=True)
    assert found["mech"] == "OAUTHBEARER" and found["rc"] == 0 and found["sent"], found


@tap.promise
def setuid_after_init(world):
    "H8: a program that drops root after it is initialised is judged by what it is then"
    world.account(ALICE, allow="bin")
    found = world.program(run_as=2)
    assert found["rc"] == 0 and found["sent"], found
    found = world.program(run_as=4321)
    assert found["rc"] == -20 and not found["sent"], found      # SASL_NOUSER
    assert "no account that uid 4321 may use" in found["detail"], found


@tap.promise
def same_words(world):
    "a user who is not allowed cannot tell whether an account exists"
    there = world.program(run_as=4321)
    not_there = world.program(run_as=4321, user="nobody@example.com")
    assert there["rc"] == not_there["rc"], (there, not_there)
    assert (there["detail"].replace(ALICE, "")
            == not_there["detail"].replace("nobody@example.com", "")), (there, not_there)


@tap.promise
def open_socket(world):
    "who may use an account is not a matter of the socket's mode, which is open"
    assert os.stat(world.helper.socket).st_mode & 0o777 == 0o666
    for uid in ("games", 4321):
        reply = world.helper.token(uid=uid)
        assert reply["status"] == "denied" and "token" not in reply, reply
    assert world.helper.token(uid="bin")["status"] == "ok"


@tap.promise
def wrong_host(world):
    "a server that is not in hosts gets no token, and the reason names it and the account"
    world.account("host@example.com", hosts="imap.example.com", allow="bin")
    found = world.program(user="host@example.com")
    assert found["rc"] == -20 and not found["sent"], found
    reason = 'host "localhost" is not in hosts of account "host@example.com"'
    assert reason in found["detail"], found


@tap.promise
def typo(world):
    "H7: a mistake in an account's file leaves the mechanisms, and the reason names file and line"
    world.helper.accounts["typo@example.com"] = {"clint_id": "x"}
    assert world.helper.reload()["status"] == "config"
    found = world.program(user="typo@example.com")
    assert found["mech"] == "OAUTHBEARER" and found["rc"] == -100, found    # SASL_CONFIGERR
    assert not found["sent"] and re.search(r"typo@example\.com\.conf:\d+", found["detail"]), found
    assert world.program()["rc"] == 0
    del world.helper.accounts["typo@example.com"]
    assert world.helper.reload()["status"] == "ok"


@tap.promise
def helper_hangs(world):
    "a helper that hangs costs a program 250 ms at its start and 25 s at a login, not more"
    world.helper.process.send(signal.SIGSTOP)
    try:
        began = time.monotonic()
        found = world.program()
        seconds = time.monotonic() - began
    finally:
        world.helper.process.send(signal.SIGCONT)
    assert found["rc"] == -24 and not found["sent"], found
    assert "no answer in time from the token helper" in found["detail"], found
    # on a slow machine too: the start has not waited as a login does, and that only once
    assert found["start_s"] < 10 and seconds < 45, (found, seconds)
    assert world.program()["rc"] == 0


@tap.promise
def helper_down(world):
    "while the helper is down those it serves are told so, and those it does not keep their list"
    world.helper.kill()
    for mechanism in MECHANISMS:
        found = world.program(offered=mechanism)
        assert found["mech"] == mechanism and not found["sent"], found
        assert found["rc"] == -24, found                        # SASL_UNAVAIL
        assert f"cannot reach the token helper at {world.helper.socket}" in found["detail"], found
        assert "is sasl-bearerd running?" in found["detail"], found
    assert world.program(uid="bin")["rc"] == -24
    assert_invisible(world, uid="games")


@tap.promise
def helper_stopped(world):
    "a helper that was stopped and one that comes back are the same to a program"
    world.helper.start()
    found = world.program()
    assert found["rc"] == 0 and found["sent"], found


@tap.promise
def no_secrets(world):
    "no token is in the helper's log, though it is at debug"
    world.assert_no_secret(world.helper.log())


tap.main(Guest, root=True, programs=["dovecot", "mbsync", "openssl"], timeout=120)
