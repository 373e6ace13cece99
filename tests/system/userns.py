#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""userns - user namespaces: who is root in one is nobody special outside of it"""

import inspect
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import protocol
import tap
from env import identity
from helper import Helper
from idmap import in_namespace
from oauthd import OAuthServer

ALICE = "alice@example.com"
MAIL, GAMES, BIN = 8, 5, 2          # uids that every Debian has: mail, games, bin


def setup(env):
    done = env.run([*in_namespace([(0, 0, 1)], 0), "true"])
    if done.rc != 0:
        tap.skip("no user namespaces here: " + done.stderr.strip())
    server = OAuthServer(tls=env.tls()).start()
    helper = Helper(env, server, accounts={
        ALICE: {"allow": "mail"},
        "nobody": {"user": "bob@example.com", "allow": "nobody 65534"},
    }).start()
    for account, user in ((ALICE, ALICE), ("nobody", "bob@example.com")):
        stored = helper.store(account, dict(server.issue(user), expires_in=3600))
        assert stored["status"] == "ok", stored
    return helper


def ask(helper, words, uid=None, **fields):
    """Send a request through a process that `words` start; "inside" is its own uid there."""
    program = "import os\nprint(os.getuid(), flush=True)\n" + inspect.getsource(protocol)
    done = helper.env.run([*words, "/usr/bin/python3", "-c", program, helper.socket, 30], uid=uid,
                          input=protocol.encode({"protocol": 1, **fields}).decode())
    if done.rc != 0 and "unshare" in done.stderr:
        tap.skip("this user may not make namespaces: " + done.stderr.strip())
    assert done.rc == 0, done
    inside, _, rest = done.stdout.partition("\n")
    replies = protocol.decode(rest.encode())
    return {**(replies[-1] if replies else {}), "inside": inside}


def token(helper, words, uid=None, user=ALICE):
    return ask(helper, words, uid, request="token", user=user, service="imap",
               host="localhost", mechanism="XOAUTH2", deadline_ms=20000)


ROOT_INSIDE = ["unshare", "--user", "--map-root-user"]
UNMAPPED = ["unshare", "--user"]


@tap.promise
def root_inside(helper):
    "a stranger who is root in a namespace of his own is denied, as the stranger he is"
    reply = token(helper, ROOT_INSIDE, GAMES)
    assert (reply["inside"], reply["status"]) == ("0", "denied"), reply
    reply = ask(helper, ROOT_INSIDE, GAMES, request="hello")
    assert (reply["inside"], reply["status"]) == ("0", "denied"), reply


@tap.promise
def own_rights(helper):
    "a user who is root in a namespace has the user's own rights, and none of root's"
    reply = token(helper, ROOT_INSIDE, MAIL)
    assert (reply["inside"], reply["status"]) == ("0", "ok"), reply
    assert token(helper, ROOT_INSIDE, MAIL, "bob@example.com")["status"] == "denied"
    assert ask(helper, ROOT_INSIDE, MAIL, request="list")["count"] == "1"
    for request in ("refresh", "forget", "reload", "store"):
        reply = ask(helper, ROOT_INSIDE, MAIL, request=request, account=ALICE)
        assert (reply["inside"], reply["status"]) == ("0", "denied"), (request, reply)
    assert helper.state(ALICE), "its tokens are gone"


@tap.promise
def unmapped(helper):
    "a process without any uid in its namespace is the user that made it"
    reply = token(helper, UNMAPPED, GAMES)
    assert (reply["inside"], reply["status"]) == ("65534", "denied"), reply
    reply = token(helper, UNMAPPED, MAIL)
    assert (reply["inside"], reply["status"]) == ("65534", "ok"), reply


@tap.promise
def shifted(helper):
    "a container's mail is not the system's mail: what counts is the uid outside"
    words = in_namespace([(0, 100000, 65536)], MAIL)
    reply = token(helper, words)
    assert (reply["inside"], reply["status"]) == (str(MAIL), "denied"), reply
    reply = token(helper, in_namespace([(0, 100000, 65536)], 0))
    assert (reply["inside"], reply["status"]) == ("0", "denied"), reply
    # and a container's games that is the system's mail is served
    reply = token(helper, in_namespace([(0, 100000, 1), (GAMES, MAIL, 1)], GAMES))
    assert (reply["inside"], reply["status"]) == (str(GAMES), "ok"), reply


@tap.promise
def nobody(helper):
    "the uid that stands for unknown ones is never served, though an account allows it"
    reply = token(helper, [], 65534, "bob@example.com")
    assert (reply["inside"], reply["status"]) == ("65534", "denied"), reply
    assert ask(helper, [], 65534, request="hello")["status"] == "denied"
    helper.wait_log("a connection from another user namespace is refused")


@tap.promise
def daemon_inside(helper):
    "a daemon in a namespace serves the uids it can see; all others are one unknown: denied"
    server = OAuthServer(tls=helper.env.tls()).start()
    daemon = identity("daemon")["user"]
    maps = [(0, 0, 1), (daemon, daemon, 1), (MAIL, MAIL, 1)]
    inner = Helper(helper.env, server, accounts={
        ALICE: {"allow": "mail nobody 65534 bin"}}, wrapper=in_namespace(maps, 0)).start()
    with open(f"/proc/{inner.process.pid}/uid_map", encoding="ascii") as f:
        assert len(f.read().splitlines()) == len(maps)
    stored = inner.store(ALICE, dict(server.issue(ALICE), expires_in=3600))
    assert stored["status"] == "ok", stored
    assert token(inner, [], MAIL)["status"] == "ok"
    # bin is allowed by name, but is no uid of this namespace: it cannot be told from games
    for uid in (BIN, GAMES, 65534):
        reply = token(inner, [], uid)
        assert (reply["inside"], reply["status"]) == (str(uid), "denied"), reply
    inner.wait_log("a connection from another user namespace is refused")
    assert inner.stop() == 0, inner.log()


@tap.promise
def users_daemon(helper):
    "root outside is nobody to a user's helper that runs in a namespace"
    server = OAuthServer(tls=helper.env.tls()).start()
    inner = Helper(helper.env, server, accounts={ALICE: {"allow": None}}, user="mail")
    inner.write_config()
    words = [*ROOT_INSIDE, *inner.command("--foreground")]
    done = subprocess.run([*ROOT_INSIDE, "true"], check=False, **identity("mail"))
    if done.returncode != 0:
        tap.skip("this user may not make namespaces")
    # files of root outside are a stranger's inside: it does not believe them
    process = helper.env.start("users-daemon", words, uid="mail", env=inner.environment)
    assert process.wait() == 78, process.log()
    assert "belongs to uid 65534, who could replace the file" in process.log()


tap.main(setup, root=True, programs=["unshare"])
