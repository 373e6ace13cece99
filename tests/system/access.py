#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""access - who may ask the daemon for what, and what it does with bad clients"""

import os
import select
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import protocol
import tap
from env import wait_for
from helper import Helper
from oauthd import OAuthServer

ALICE = "alice@example.com"
MAIL, GAMES, BIN = 8, 5, 2          # uids that every Debian has: mail, games, bin


def setup(env):
    server = OAuthServer(tls=env.tls(), log=env.log_file("oauthd")).start()
    accounts = {
        "alice": {"user": ALICE, "allow": ["mail", "2"], "hosts": ["imap.example.com", "*.example.org", "127.0.0.1"],
                  "services": ["imap", "smtp"], "sasl_user_smtp": "relay@example.com",
                  "imap_server": "imap.example.com:1993", "smtp_server": "smtp.example.org"},
        "carol": {"user": "carol@example.com", "allow": ["bin"]},
        "one": {"user": "twin@example.com", "services": ["imap"]},
        "two": {"user": "twin@example.com", "services": ["imap", "smtp"]},
        "exact": {"user": "boss@firm.example"},
    }
    helper = Helper(env, server, accounts=accounts)
    secret = helper.secret_file("secret", "s3cret")
    helper.accounts["domain"] = {
        "user": "*@firm.example", "grant": "client_credentials", "client_secret_file": secret,
        "scope": "x", "allow": ["mail"], "services": ["smtp"], "hosts": ["localhost"]}
    helper.start()
    for name, user in (("alice", ALICE), ("carol", "carol@example.com"),
                       ("exact", "boss@firm.example")):
        assert helper.store(name, dict(server.issue(user), expires_in=3600))["status"] == "ok"
    return helper


def ask(helper, uid=None, **attributes):
    return helper.token(**{"host": "imap.example.com", "uid": uid, **attributes})


@tap.promise
def strangers_are_denied(helper):
    "D4: a uid that no account allows is denied, though the socket is open to all"
    assert os.stat(helper.socket).st_mode & 0o777 == 0o666
    reply = ask(helper, GAMES)
    assert reply["status"] == "denied" and "token" not in reply, reply
    assert helper.request({"request": "hello"}, uid=GAMES)["status"] == "denied"


@tap.promise
def strangers_learn_nothing(helper):
    "a stranger gets the same words for an account that is there and one that is not"
    there = ask(helper, GAMES)["reason"]
    not_there = ask(helper, GAMES, user="nobody@example.com")["reason"]
    assert there.replace(ALICE, "X") == not_there.replace("nobody@example.com", "X")
    other = ask(helper, BIN, user="one")["reason"]
    assert "no account" in other


@tap.promise
def allowed_uids_are_served(helper):
    "users named in allow, uids named in allow, and root are served"
    for uid in (None, MAIL, BIN):
        assert ask(helper, uid)["status"] == "ok", uid
        reply = helper.request({"request": "hello"}, uid=uid)
        assert reply["mechanisms"] == "OAUTHBEARER XOAUTH2", reply
        assert reply["version"][0].isdigit() and reply["uid"].isdigit(), reply


@tap.promise
def wrong_host_gets_nothing(helper):
    "D5: a host that is not the account's gets nothing, and the reason names both"
    reply = ask(helper, MAIL, host="evil.example.com")
    assert reply["status"] == "denied", reply
    assert reply["reason"] == 'host "evil.example.com" is not in hosts of account "alice"', reply
    for host, status in (("IMAP.EXAMPLE.COM.", "ok"), ("mx.example.org", "ok"),
                         ("a.b.example.org", "denied"), ("127.0.0.1", "ok"),
                         ("127.0.0.2", "denied"), ("example.org", "denied")):
        assert ask(helper, MAIL, host=host)["status"] == status, host


@tap.promise
def host_is_needed(helper):
    "a mechanism without a host is denied; a person at the command line needs none"
    reply = ask(helper, MAIL, host=None)
    assert reply["status"] == "denied" and "which server" in reply["reason"], reply
    assert ask(helper, MAIL, host=None, mechanism=None)["status"] == "ok"


@tap.promise
def services(helper):
    "a service that is not the account's is denied; lmtp counts as smtp"
    assert ask(helper, MAIL, service="pop")["status"] == "denied"
    assert "services of account" in ask(helper, MAIL, service="pop")["reason"]
    assert ask(helper, MAIL, service="lmtp")["status"] == "ok"


@tap.promise
def names(helper):
    "sasl_user: authzid, else the account's for the service, else the user as sent"
    assert ask(helper, MAIL)["sasl_user"] == ALICE
    assert ask(helper, MAIL, service="smtp")["sasl_user"] == "relay@example.com"
    assert ask(helper, MAIL, service="smtp", authzid="shared@x")["sasl_user"] == "shared@x"


@tap.promise
def ambiguity(helper):
    "two accounts that both fit are a config error that names them"
    reply = ask(helper, user="twin@example.com", host="localhost")
    assert reply["status"] == "config", reply
    assert '"one" and "two"' in reply["reason"], reply
    done = helper.check()
    assert done.rc == 78 and "both serve" in done.stderr, done


@tap.promise
def globs(helper):
    "a whole domain: the exact account before the glob; nothing but real mailboxes"
    def smtp(user, uid=None):
        return ask(helper, uid, user=user, host="localhost", service="smtp")
    assert smtp("anyone@firm.example", MAIL)["sasl_user"] == "anyone@firm.example"
    root = smtp("boss@firm.example")
    assert root["token"] != smtp("x@firm.example")["token"], "boss has an account"
    for user in ("@firm.example", "a@b@firm.example", "x@sub.firm.example", "a b@firm.example"):
        assert smtp(user, MAIL)["status"] == "denied", user


@tap.promise
def one_mailbox_of_many(helper):
    "a token shared by a domain is replaced when two mailboxes report it, not for one"
    def reject(user):
        return helper.request({"request": "reject", "user": user, "service": "smtp",
                               "host": "localhost", "token_id": token_id, "detail": "535"})["action"]
    token_id = ask(helper, MAIL, user="zoe@firm.example", host="localhost", service="smtp")["token_id"]
    assert reject("zoe@firm.example") == "none"
    assert reject("zoe@firm.example") == "none", "the same one again"
    assert reject("ann@firm.example") == "refresh"


@tap.promise
def mailboxes_file(helper):
    "mailboxes_file narrows a whole domain to the addresses it lists"
    path = helper.secret_file("mailboxes", "# those who may send\nZoe@firm.example\n\nann@firm.example x\n")
    helper.accounts["domain"]["mailboxes_file"] = path
    assert helper.reload()["status"] == "ok", helper.log()
    for user, status in (("zoe@firm.example", "ok"), ("ann@firm.example", "ok"),
                         ("x@firm.example", "denied")):
        reply = ask(helper, MAIL, user=user, host="localhost", service="smtp")
        assert reply["status"] == status, (user, reply)


@tap.promise
def privileged_requests(helper):
    "store, forget, refresh and reload are for root and the helper's user"
    for request in ("store", "forget", "refresh", "reload"):
        reply = helper.request({"request": request, "account": "alice"}, uid=MAIL)
        assert reply["status"] == "denied", (request, reply)
    assert helper.state("alice")["refresh_token"]


@tap.promise
def lists(helper):
    "list shows root all accounts, others their own; no token in it"
    everything = helper.list()
    assert set(everything) == {"alice", "carol", "one", "two", "exact", "domain"}, everything
    assert set(helper.list(uid=MAIL)) == {"alice", "domain"}
    assert set(helper.list(uid=GAMES)) == set()
    assert set(helper.list(user=ALICE)) == {"alice"}
    alice = everything["alice"]
    assert alice["state"] == "fresh" and alice["grant"] == "refresh_token", alice
    assert everything["one"]["state"] == "login_required"
    assert "sasl-bearer login one" in everything["one"]["last_error"]
    assert helper.state("alice")["access_token"] not in str(everything)


@tap.promise
def lists_what_programs_need(helper):
    "list tells who may use an account what its file says, so that programs can be set up"
    for uid in (None, MAIL):
        alice = helper.list(uid=uid)["alice"]
        said = {name: alice.get(name) for name in (
            "services", "hosts", "allow", "imap_server", "pop_server", "smtp_server",
            "sasl_user", "sasl_user_smtp", "client_id")}
        assert said == {
            "services": "imap smtp", "hosts": "imap.example.com *.example.org 127.0.0.1",
            "allow": "8 2", "imap_server": "imap.example.com:1993", "pop_server": None,
            "smtp_server": "smtp.example.org", "sasl_user": None,
            "sasl_user_smtp": "relay@example.com", "client_id": "test-client"}, alice
    assert "services" not in helper.list()["carol"]


@tap.promise
def lists_large_accounts(helper):
    "list has every account, however much its file says"
    names = [f"host-{n}.{'x' * 200}.example.com" for n in range(256)]
    uids = [str(n) for n in range(4000000000, 4000000256)]
    helper.accounts |= {
        "many": {"user": "many@example.com", "hosts": names[:30], "allow": uids},
        "huge": {"user": "huge@example.com", "hosts": names, "client_id": "i" * 3000}}
    assert helper.reload()["status"] == "ok", helper.log()
    listed = helper.list()
    assert listed["many"]["hosts"].split() == names[:30]
    assert listed["many"]["allow"].split() == uids
    assert "hosts" not in listed["huge"] and "state" in listed["huge"], listed["huge"]
    for name in ("many", "huge"):
        del helper.accounts[name]
    assert helper.reload()["status"] == "ok", helper.log()


@tap.promise
def markers(helper):
    "a marker lies beside the socket for each uid that is served, also after the end"
    where = os.path.join(os.path.dirname(helper.socket), "accounts")
    assert set(os.listdir(where)) == {"0", "2", "8"}, os.listdir(where)


@tap.promise
def bad_requests(helper):
    "D3: what is not a request gets status bad, and the daemon goes on"
    rows = [b"\n", b"GET / HTTP/1.0\r\n\r\n", b"protocol=2\n\n", b"protocol=1\nuser=a\nuser=b\n\n",
            b"protocol=1\nrequest=token\nuser=a\x01b\n\n", b"protocol=1\nrequest=hello\n\nmore",
            b"protocol=1\nrequest=fly\n\n", b"protocol=1\n\n", b"x" * 70000,
            b"protocol=1\nrequest=token\nuser=" + b"u" * 321 + b"\n\n",
            b"protocol=1\nrequest=token\nuser=a\ndeadline_ms=-1\n\n",
            b"protocol=1\n" + b"".join(b"n%d=1\n" % i for i in range(70)) + b"\n"]
    for data in rows:
        replies = protocol.decode(helper.raw(data))
        assert replies, f"no reply to {data[:60]}"
        assert replies[0]["status"] == "bad" and replies[0]["reason"], (data[:40], replies)
    assert helper.request({"request": "hello"})["status"] == "ok"


@tap.promise
def fragments(helper):
    "D3: a request that comes byte by byte is served"
    data = protocol.encode({"protocol": 1, "request": "hello"})
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(helper.socket)
        for i in range(len(data)):
            s.send(data[i:i + 1])
        assert b"status=ok" in s.recv(4096)


@tap.promise
def half_close(helper):
    "a client that has closed its half still gets its answer"
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(helper.socket)
        s.sendall(protocol.encode({"protocol": 1, "request": "hello"}))
        s.shutdown(socket.SHUT_WR)
        assert b"status=ok" in s.recv(4096)


@tap.promise
def stalled_client(helper):
    "D1: a client that stalls holds up nobody, and is gone after 5 s"
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        before = time.monotonic()
        s.connect(helper.socket)
        s.send(b"protocol=1\n")
        assert ask(helper)["status"] == "ok"
        assert not select.select([s], [], [], 0)[0], "it was served after the other had gone"
        assert s.recv(10) == b"", "an answer to half a request"
        assert time.monotonic() - before > 4, "it had less than 5 s"


@tap.promise
def too_many_connections(helper):
    "a uid with too many connections is put off; another uid is served"
    held = []
    try:
        for _ in range(80):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(10)
            s.connect(helper.socket)
            held.append(s)
        last = protocol.decode(held[-1].recv(4096))[0]
        assert last["status"] == "temporary" and "too many" in last["reason"], last
        assert ask(helper, MAIL)["status"] == "ok"
    finally:
        for s in held:
            s.close()
    wait_for(lambda: ask(helper).get("status") == "ok", what="room again")


@tap.promise
def denials_are_logged(helper):
    "a denial is one line with uid, pid, host and reason; repetitions are counted"
    for _ in range(3):
        ask(helper, host="evil.example.com")
    lines = [line for line in helper.log().splitlines()
             if "denied: uid 0" in line and "evil.example.com" in line]
    assert len(lines) == 1 and f"pid {os.getpid()}" in lines[0], lines


@tap.promise
def markers_stay(helper):
    "the markers stay when the daemon ends"
    where = os.path.dirname(helper.socket)
    assert helper.stop() == 0, helper.log()
    assert set(os.listdir(os.path.join(where, "accounts"))) == {"0", "2", "8"}


tap.main(setup, root=True)
