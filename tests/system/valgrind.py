#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""valgrind - the daemon makes no error of memory while it does all that it can"""

import glob
import os
import re
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import keys
import tap
from env import wait_for
from helper import Helper
from oauthd import OAuthServer, Reply

ALICE = "alice@example.com"


def setup(env):
    server = OAuthServer(tls=env.tls(), single_use=True).start()
    # the spawner is a process of its own: the logs are what counts, not the status
    logs = env.mkdir("valgrind", 0o777)
    helper = Helper(env, server, {
        ALICE: {"allow": "daemon"}, "work": {"user": "bob@example.com", "services": "imap"},
        "broken": {"grant": "nonsense"}},
        wrapper=["valgrind", "-q", "--leak-check=full", "--errors-for-leak-kinds=definite",
                 "--vgdb=no", "--child-silent-after-fork=no", f"--log-file={logs}/%p.log"])
    helper.logs = logs
    return helper.start(timeout=60)


def use(helper):
    """Every request, good and bad, and a reload."""
    server = helper.server
    for account, user in ((ALICE, ALICE), ("work", "bob@example.com")):
        assert helper.store(account, server.issue(user))["status"] == "ok"
    assert helper.token()["status"] == "ok"
    assert helper.token("bob@example.com", host="elsewhere.example")["status"] == "denied"
    token = helper.token()
    helper.request({"request": "reject", "user": ALICE, "service": "imap", "host": "localhost",
                    "token_id": token["token_id"], "detail": "no"})
    for reply in (Reply(503, headers={"Retry-After": "1"}), Reply(body=b"x" * 300000),
                  Reply(close=True), Reply.error("invalid_grant")):
        server.script("token", reply)
        helper.request({"request": "refresh", "account": "work"})
    for data in (b"", b"\n\n", b"x" * 70000, b"protocol=1\nrequest=token\n\n",
                 b"protocol=1\nrequest=hello", b"protocol=1\nrequest=hello\n\nmore"):
        helper.raw(data)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(helper.socket)        # and goes away without a word
    helper.list()
    helper.accounts["more"] = {"user": "carol@example.com"}
    del helper.accounts["work"]
    helper.reload()
    helper.accounts["more"]["services"] = "nothing"
    assert helper.reload()["status"] != "ok"
    assert helper.request({"request": "forget", "account": ALICE})["status"] == "ok"
    for request in ("forget", "refresh", "store"):
        assert helper.request({"request": request, "account": "nobody"})["status"] == "bad"


def use_every_grant(helper):
    """Tokens without a person, got and not got, and again after reloads."""
    server, accounts = helper.server, helper.accounts
    where = helper.env.mkdir(helper.name + "/etc/grants")
    key = keys.make_key(where + "/key")
    with open(key, "rb") as f:
        pair = {"client_key": helper.secret_file("key", f.read()),
                "client_certificate": keys.make_certificate(key, where + "/pem")}
    with open(keys.service_account(key, where + "/json"), "rb") as f:
        google = {"client_key": helper.secret_file("json", f.read()), "grant": "jwt_bearer"}
    program = helper.env.write(helper.name + "/etc/grants/program", '#!/bin/sh\necho "$1"\nexit "$2"\n', 0o755)
    app = {"grant": "client_credentials", "scope": "x"}
    new = {
        "pair": {**app, **pair}, "wrong": {**app, "client_key": helper.config},
        "platform": {**app, "assertion_file": helper.env.write(helper.name + "/etc/grants/assertion", "a.b.c")},
        "vm": {"grant": "managed_identity", "identity_endpoint": server.identity_endpoint,
               "identity_resource": "x"},
        "good": {"grant": "command", "command": [program, "t", "0"]},
        "bad": {"grant": "command", "command": [program, "t", "1"]},
        "file": {"grant": "file", "token_file": helper.secret_file("token", "t")},
        "none": {"grant": "file", "token_file": "/nowhere"},
        "domain": {**google, "user": "*@example.org", "scope": "x", "allow": "daemon",
                   "services": "imap", "hosts": "localhost"},
    }
    accounts.update(new)
    helper.reload()
    users = [*set(new) - {"domain"}, "a@example.org", "b@example.org"]
    for bad in ({"wrong", "bad", "none"}, {"wrong", "bad", "none", "a@example.org"}):
        for user in users:
            assert (helper.token(user)["status"] == "ok") == (user not in bad), user
        accounts["domain"]["mailboxes_file"] = helper.env.write(helper.name + "/etc/grants/some", "b@example.org\n")
        helper.reload()
    for request in ("refresh", "forget"):
        helper.request({"request": request, "account": "domain", "user": "b@example.org"})
    helper.secret_file("token", "u")
    wait_for(lambda: helper.token("file")["token"] == "u", 20, "the file's new token")
    for name in set(new) - {"pair", "domain"}:
        del accounts[name]
    helper.reload()


@tap.promise
def no_errors(helper):
    "no invalid access, no undefined value, no lost memory, also not at the end"
    use_every_grant(helper)
    use(helper)
    rc = helper.stop(60)
    assert rc == 0, (rc, helper.log())
    found = ""
    for path in glob.glob(helper.logs + "/*.log"):
        with open(path, encoding="utf-8", errors="replace") as f:
            found += f.read()
    assert glob.glob(helper.logs + "/*.log"), "valgrind wrote no log"
    # what a valgrind does not know is, for the program, not in the kernel
    found = re.sub(r"--\d+-- WARNING: unhandled \S+ syscall: \d+\n(--\d+-- .*\n){4}", "", found)
    assert not found, found[:20000]


tap.main(setup, programs=["valgrind", "openssl"], timeout=180)
