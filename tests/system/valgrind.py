#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""valgrind - the daemon makes no error of memory while it does all that it can"""

import glob
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
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


@tap.promise
def no_errors(helper):
    "no invalid access, no undefined value, no lost memory, also not at the end"
    use(helper)
    rc = helper.stop(60)
    assert rc == 0, (rc, helper.log())
    found = ""
    for path in glob.glob(helper.logs + "/*.log"):
        with open(path, encoding="utf-8", errors="replace") as f:
            found += f.read()
    assert glob.glob(helper.logs + "/*.log"), "valgrind wrote no log"
    assert not found, found[:20000]


tap.main(setup, programs=["valgrind", "openssl"], timeout=180)
