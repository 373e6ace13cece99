#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""reload - an account's definition changes while something is under way for it"""

import concurrent.futures
import os
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import protocol
import tap
from assertions import jwt_read
from env import wait_for
from oauthd import Reply
from world import Stage, asked_for

ALICE = "alice@example.com"
BOB = "bob@example.com"
IDLE = 1500             # accounts that make a reload long


def crowded(stage):
    """A provider and a helper, not started, whose every reload takes a while."""
    server, helper = stage.begin()
    for number in range(IDLE):
        helper.accounts[f"idle{number}"] = {}
    return server, helper


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def ask_during_reload(helper, user=ALICE):
    """Have the configuration read again, and ask before that is done; returns the reply."""
    helper.hup()
    helper.request({"request": "hello"})    # by then it has begun
    return helper.token(user)


@tap.promise
def listed_when_done(stage):
    "a command that follows a SIGHUP knows what was written before it"
    _, helper = crowded(stage)
    helper.start()
    helper.accounts["alice"] = {"user": ALICE}
    helper.hup()
    done = helper.cli("token", ALICE)
    assert "nobody has signed in" in done.stderr, done
    helper.stop()


@tap.promise
def listed_at_once(stage):
    "and so does one that the daemon reads in the same moment as the SIGHUP"
    _, helper = stage.begin()
    helper.start()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(helper.socket)
        helper.request({"request": "hello"})    # by then it has been accepted
        helper.process.send(signal.SIGSTOP)
        wait_for(lambda: "State:\tT" in read(f"/proc/{helper.process.pid}/status"))
        helper.accounts["alice"] = {"user": ALICE}
        helper.hup()
        s.sendall(protocol.encode({"protocol": 1, "request": "list"}))
        helper.process.send(signal.SIGCONT)
        s.shutdown(socket.SHUT_WR)
        answer = b""
        while more := s.recv(65536):
            answer += more
    assert "alice" in [m.get("account") for m in protocol.decode(answer)], answer
    helper.stop()


@tap.promise
def again(stage):
    "a SIGHUP that comes during a reload is not lost"
    _, helper = crowded(stage)
    helper.start()
    for pause in (0.01, 0.03, 0.1):     # one of them is after the names have been read
        name = f"new{pause}"
        helper.accounts[name] = {"user": f"{name}@example.com"}
        helper.process.send(signal.SIGHUP)
        helper.request({"request": "hello"})    # by then it has begun
        time.sleep(pause)
        helper.write_account(name)
        helper.process.send(signal.SIGHUP)
        done = helper.cli("token", f"{name}@example.com")
        assert "nobody has signed in" in done.stderr, done
    helper.stop()


@tap.promise
def command_to_file(stage):
    "a token is asked for while a reload makes the account's command a file"
    _, helper = crowded(stage)
    script = stage.env.write("programs/token", "#!/bin/sh\necho of-the-command\n", 0o755)
    account = {"user": ALICE, "grant": "command", "client_id": None, "command": script}
    helper.accounts["alice"] = account
    helper.start()
    helper.accounts["alice"] = {
        **account, "grant": "file", "command": None,
        "token_file": helper.secret_file("token", "of-the-file\n")}
    reply = ask_during_reload(helper)
    assert reply.get("status") == "ok", (reply, helper.log()[-2000:])
    assert reply["token"] in ("of-the-command", "of-the-file"), reply
    wait_for(lambda: helper.token()["token"] == "of-the-file", what="the token of the file")
    stage.end()


@tap.promise
def secret_to_file(stage):
    "what was read as the secret of an application is never given out as a token"
    _, helper = crowded(stage)
    secret = stage.hide("the secret", "secret-of-the-application")
    account = {"user": ALICE, "grant": "client_credentials",
               "client_secret_file": helper.secret_file("secret", secret)}
    helper.accounts["alice"] = account
    helper.start()
    helper.accounts["alice"] = {
        **account, "grant": "file", "client_secret_file": None,
        "token_file": helper.secret_file("token", "of-the-file\n")}
    reply = ask_during_reload(helper)
    assert reply.get("status") == "ok" and reply["token"] != secret, reply
    wait_for(lambda: helper.token()["token"] == "of-the-file", what="the token of the file")
    stage.end()


@tap.promise
def mended_during_a_fetch(stage):
    "a reload mends an account while the provider is about to refuse it: nobody has to wait"
    server, helper = stage.begin()
    helper.accounts["app"] = {
        "user": ALICE, "client_id": "wrong", "grant": "client_credentials", "scope": "old",
        "client_secret_file": helper.secret_file("secret", "secret of the app")}
    helper.start()
    go = threading.Event()

    def refuse(request):
        if request.form["client_id"] == "wrong":
            go.wait(20)
            return Reply.error("invalid_client", status=401)
        return None
    server.always("token", refuse)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        asker = pool.submit(helper.token)
        server.wait_seen("token", 1)
        helper.accounts["app"]["client_id"] = "app"
        assert helper.reload()["status"] == "ok"
        go.set()
        reply = asker.result(30)
    assert reply["status"] == "ok", reply
    assert helper.token()["status"] == "ok" and len(server.seen("token")) == 2
    stage.end()


@tap.promise
def token_of_the_past(stage):
    "a token that comes for a definition which a reload has replaced is not given to who waits"
    server, helper = stage.begin()
    helper.accounts["app"] = {
        "user": ALICE, "client_id": "app", "grant": "client_credentials", "scope": "old",
        "client_secret_file": helper.secret_file("secret", "secret of the app")}
    helper.start()
    go = threading.Event()
    server.always("token", lambda request: request.form["scope"] == "old" and go.wait(20)
                  and None or None)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        asker = pool.submit(helper.token)
        server.wait_seen("token", 1)
        helper.accounts["app"]["scope"] = "new"
        assert helper.reload()["status"] == "ok"
        go.set()
        reply = asker.result(30)
    assert reply["status"] == "ok", reply
    assert server.access[reply["token"]][0].scope == "new"
    stage.end()


@tap.promise
def mended_mailboxes(stage):
    "a mailbox that was asked for while its account was broken works once that is mended"
    _, helper = stage.delegated(start=False)
    account = helper.accounts["google"]
    helper.accounts["google"] = {**account, "keepalive": "for ever"}
    helper.start()
    reply = helper.request({"request": "refresh", "account": "google", "user": BOB})
    assert reply["status"] == "config", reply
    helper.accounts["google"] = account
    assert helper.reload()["status"] == "ok"
    reply = helper.token(BOB)
    assert reply["status"] == "ok", reply
    stage.end()


@tap.promise
def another_source(stage):
    "a token of another mailbox, identity, command or file is not given out after a reload"
    server, helper = stage.delegated(user=ALICE, start=False, tls=False)
    server.identities = [{"object_id": "one"}, {"object_id": "two"}]
    one, two = (stage.env.write(f"programs/{name}", f"#!/bin/sh\necho {name}-$1\n", 0o755)
                for name in ("one", "two"))
    files = [helper.secret_file(name, f"token-in-{name}\n") for name in ("old", "new")]
    google = helper.accounts.pop("google")
    del google["user"]
    changes = {         # what is changed: keys that stay, then the old and the new value
        "user": (google, ALICE, BOB),
        "identity_object_id": (
            {"grant": "managed_identity", "identity_endpoint": server.identity_endpoint,
             "identity_resource": "mail", "client_id": None}, "one", "two"),
        "command": ({"grant": "command", "client_id": None}, [one, "a"], [two, "a"]),
        "token_file": ({"grant": "file", "client_id": None}, *files)}
    for number in (1, 2):
        for key, (keys, *values) in changes.items():
            helper.accounts[key] = {"user": f"{key}@example.com", **keys, key: values[number - 1]}
        if number == 1:
            helper.start()
        else:
            assert helper.reload()["status"] == "ok"
        tokens = {name: helper.token(keys["user"]) for name, keys in helper.accounts.items()}
        assert {reply["status"] for reply in tokens.values()} == {"ok"}, tokens
        if number == 1:
            old = tokens
    same = [name for name in tokens if tokens[name]["token"] == old[name]["token"]]
    assert not same, same
    stage.end()


@tap.promise
def other_directory(stage):
    "after a reload that changes accounts_dir a command is that of the account there"
    _, helper = stage.begin()
    one, two = (stage.env.write(f"programs/{name}", f"#!/bin/sh\necho {name}\n", 0o755)
                for name in ("one", "two"))
    helper.accounts["alice"] = {"user": ALICE, "grant": "command", "client_id": None,
                                "command": one}
    helper.start()
    assert helper.token()["token"] == "one"
    place = os.path.join(helper.config_dir, "elsewhere")
    os.makedirs(place)
    with open(os.path.join(helper.config_dir, "accounts.d", "alice.conf"), encoding="utf-8") as f:
        helper.secret_file("elsewhere/alice.conf", f.read().replace(one, two))
    helper.settings["accounts_dir"] = place
    assert helper.reload()["status"] == "ok"
    reply = helper.token()
    assert reply.get("token") == "two", (reply, helper.log())
    stage.end()


@tap.promise
def forgotten_in_the_queue(stage):
    "mailboxes that are forgotten while they queue are fetched once when they are asked for again"
    server, helper = stage.delegated(tls=False)
    users = [f"user{number}@example.com" for number in range(90)]
    first, second = threading.Event(), threading.Event()
    server.always("token", lambda _: first.wait(30) and None)
    for user in users:              # 32 are fetched, 58 queue
        helper.token(user, deadline_ms=1)
    server.wait_seen("token", 32)
    assert helper.request({"request": "forget", "account": "google"})["status"] == "ok"
    first.set()
    wait_for(lambda: helper.log().count("a reply that came too late") == 32, what="32 replies")
    server.forget()

    def slow(request):
        if jwt_read(request.form["assertion"])[1]["sub"] != users[-1]:
            second.wait(30)
    server.always("token", slow)
    for user in users[64:-1]:
        helper.token(user, deadline_ms=1)
    server.wait_seen("token", 25)
    assert helper.token(users[-1])["status"] == "ok"
    second.set()
    for user in users:
        assert helper.token(user)["status"] == "ok", user
    assert len(server.seen("token")) == len(set(asked_for(server))) == 90, asked_for(server)
    stage.end()


tap.main(Stage, timeout=240)
