#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""mailboxes - one account for the mailboxes of a domain"""

import concurrent.futures
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from assertions import jwt_read
from env import wait_for
from oauthd import OAuthServer, Reply
from world import Stage, asked_for

ALICE = "alice@example.com"
BOB = "bob@example.com"
CAROL = "carol@example.com"
MANY = 1000             # mailboxes of an account in memory


def ok(reply):
    assert reply["status"] == "ok", reply
    return reply["token"]


# ---- a service account


@tap.promise
def assertion(stage):
    "a service account signs for the mailbox that is asked for, as Google wants it"
    server, helper = stage.delegated()
    before = int(time.time())
    reply = helper.token("Alice@Example.com")
    ok(reply)
    assert reply["sasl_user"] == "Alice@Example.com", reply
    request = server.seen("token")[0]
    assert set(request.form) == {"grant_type", "assertion"}, request.form
    header, claims = jwt_read(request.form["assertion"])
    account = server.service_accounts[0]
    assert header == account.header, header
    assert {**claims, "iat": 0, "exp": 0} == {
        "iss": account.email, "sub": "Alice@Example.com", "scope": "mail",
        "aud": server.endpoint("token"), "iat": 0, "exp": 0}, claims
    assert before <= claims["iat"] <= time.time() and 0 < claims["exp"] - claims["iat"] <= 3600
    stage.end()


@tap.promise
def token_for_each(stage):
    "each mailbox has its own token, fetched once; `list` shows the account once"
    server, helper = stage.delegated()
    tokens = {user: ok(helper.token(user)) for user in (ALICE, BOB, CAROL)}
    assert len(set(tokens.values())) == 3
    for user, token in tokens.items():
        assert ok(helper.token(user)) == token
        assert server.access[token][0].user == user
    assert asked_for(server) == [ALICE, BOB, CAROL]
    assert ok(helper.token("ALICE@example.com")) == tokens[ALICE], "one mailbox, other letters"
    listed = helper.list()
    assert list(listed) == ["google"], listed
    assert listed["google"]["user"] == "*@example.com", listed
    assert listed["google"]["mailboxes"] == "3" and listed["google"]["grant"] == "jwt_bearer"
    stage.end()


@tap.promise
def one_mailbox(stage):
    "a service account may be for one mailbox only"
    server, helper = stage.delegated(user=ALICE)
    ok(helper.token())
    assert helper.token(BOB)["status"] == "denied"
    assert asked_for(server) == [ALICE]
    stage.end()


@tap.promise
def restart(stage):
    "all tokens survive a restart, in files that do not tell whose they are"
    server, helper = stage.delegated()
    tokens = {user: ok(helper.token(user)) for user in (ALICE, BOB)}
    wait_for(lambda: len(os.listdir(helper.state_dir)) >= 2, what="the state files")
    assert helper.stop() == 0
    files = [name for name in os.listdir(helper.state_dir) if name.startswith("~")]
    assert len(files) == 2 and all(re.fullmatch("~[0-9a-f]{32}", name) for name in files), files
    for name in files:
        assert os.stat(os.path.join(helper.state_dir, name)).st_mode & 0o7777 == 0o600, name
    helper.start()
    for user, token in tokens.items():
        assert ok(helper.token(user)) == token
    helper.kill()
    helper.start()
    for user, token in tokens.items():
        assert ok(helper.token(user)) == token, "after kill -9"
    assert len(server.seen("token")) == 2, asked_for(server)
    stage.end()


@tap.promise
def gone(stage):
    "a mailbox that does not exist disturbs no other"
    server, helper = stage.delegated(gone=[BOB])
    token = ok(helper.token())
    for _ in range(3):
        reply = helper.token(BOB)
        assert reply["status"] == "config", reply
        assert "Invalid email or User ID" in reply["reason"], reply
    assert f"{BOB}\": no new token" in helper.log(), helper.log()
    assert ok(helper.token()) == token
    ok(helper.token(CAROL))
    assert asked_for(server) == [ALICE, BOB, CAROL], "hammered"
    server.service_accounts[0].gone.clear()
    reply = helper.request({"request": "refresh", "account": "google", "user": BOB})
    assert reply["status"] == "ok", reply
    ok(helper.token(BOB))
    stage.end()


@tap.promise
def not_delegated(stage):
    "a scope that was not delegated: Google's words"
    _, helper = stage.delegated(scopes=["calendar"])
    reply = helper.token()
    assert reply["status"] == "config" and "unauthorized_client" in reply["reason"], reply
    stage.end()


@tap.promise
def refreshes_one(stage):
    "`reject` and `refresh` for one mailbox replace its token and no other"
    server, helper = stage.delegated()
    old = {user: helper.token(user) for user in (ALICE, BOB, CAROL)}
    reply = helper.request({"request": "reject", "user": BOB, "service": "imap",
                            "host": "localhost", "token_id": old[BOB]["token_id"],
                            "detail": "status 401"})
    assert reply["status"] == "ok" and reply["action"] == "refresh", reply
    wait_for(lambda: helper.token(BOB)["token"] != old[BOB]["token"], what="bob's new token")
    reply = helper.request({"request": "refresh", "account": "google", "user": CAROL})
    assert reply["status"] == "ok", reply
    done = helper.cli("refresh", CAROL)
    assert done.rc == 0, done
    assert asked_for(server) == [ALICE, BOB, CAROL, BOB, CAROL, CAROL]
    assert ok(helper.token()) == old[ALICE]["token"]
    assert helper.token(CAROL)["token"] != old[CAROL]["token"]
    reply = helper.request({"request": "refresh", "account": "google"})
    assert reply["status"] != "ok" and reply["reason"], "which mailbox?"
    stage.end()


@tap.promise
def cli(stage):
    "`sasl-bearer token` takes a mailbox of the account"
    server, helper = stage.delegated()
    for user in (ALICE, BOB):
        done = helper.cli("token", user)
        assert done.rc == 0 and server.access[done.stdout.strip()][0].user == user, done
    done = helper.cli("list")
    assert done.rc == 0 and "*@example.com" in done.stdout and ALICE not in done.stdout, done
    stage.end()


@tap.promise
def independent(stage):
    "a mailbox whose token takes long holds up no other, and many askers cost one request"
    server, helper = stage.delegated()
    hang, go = threading.Event(), threading.Event()

    def slow(request):
        if jwt_read(request.form["assertion"])[1]["sub"] == BOB:
            hang.set()
            go.wait(20)
    server.always("token", slow)
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        waiting = [pool.submit(helper.token, BOB) for _ in range(10)]
        assert hang.wait(10), "nobody asked"
        ok(helper.token())
        assert not any(asker.done() for asker in waiting)
        go.set()
        assert len({ok(asker.result(20)) for asker in waiting}) == 1
    assert sorted(asked_for(server)) == [ALICE, BOB]
    stage.end()


@tap.promise
def crowd(stage):
    "D2: while the provider of many mailboxes, of several domains, hangs, other accounts get tokens"
    server, helper = stage.delegated(start=False, tls=False)
    other = OAuthServer(log=stage.env.log_file("other")).start()
    helper.accounts["app"] = {
        "user": "app@contoso.com", "grant": "client_credentials", "scope": "x",
        "client_secret_file": helper.secret_file("secret", "secret of the app"),
        "token_endpoint": other.endpoint("token")}
    domains = ["example.com", "a.example", "b.example", "c.example", "d.example"]
    for domain in domains[1:]:
        helper.accounts[domain] = {**helper.accounts["google"], "user": f"*@{domain}"}
    helper.start()
    server.always("token", Reply(silent=True))
    for domain in domains:
        for number in range(40):    # each gives up at once; the fetch goes on
            reply = helper.token(f"user{number}@{domain}", deadline_ms=1)
            assert reply["status"] == "temporary", reply
    server.wait_seen("token", 90, timeout=60)
    reply = helper.token("app@contoso.com", deadline_ms=5000)
    assert reply["status"] == "ok", reply
    other.stop()
    server.stop()       # or the helper would wait for it
    server.start()
    stage.end()


@tap.promise
def forget(stage):
    "`forget` drops the tokens of all mailboxes, in memory and on disk"
    server, helper = stage.delegated()
    for user in (ALICE, BOB):
        ok(helper.token(user))
    assert helper.request({"request": "forget", "account": "google"})["status"] == "ok"
    wait_for(lambda: not [n for n in os.listdir(helper.state_dir) if n.startswith("~")],
             what="no state file")
    for user in (ALICE, BOB):
        ok(helper.token(user))
    assert asked_for(server) == [ALICE, BOB] * 2
    stage.end()


@tap.promise
def reload(stage):
    "a reload keeps the tokens, of other scopes it does not, and without the account none is served"
    server, helper = stage.delegated(scopes=("mail", "other"))
    tokens = {user: ok(helper.token(user)) for user in (ALICE, BOB)}
    account = helper.accounts["google"]
    account["hosts"] = "localhost elsewhere.example.com"
    assert helper.reload()["status"] == "ok"
    for user, token in tokens.items():
        assert ok(helper.token(user, host="elsewhere.example.com")) == token
    assert len(server.seen("token")) == 2
    account["scope"] = "other"
    assert helper.reload()["status"] == "ok"
    assert ok(helper.token()) not in tokens.values()
    assert server.access[ok(helper.token())][0].scope == "other"
    account["mailboxes_file"] = helper.secret_file("only", BOB + "\n")
    assert helper.reload()["status"] == "ok"
    assert helper.token()["status"] == "denied"
    ok(helper.token(BOB))
    del helper.accounts["google"]
    assert helper.reload()["status"] == "ok"
    assert helper.token(BOB)["status"] == "denied" and not helper.list()
    stage.end()


@tap.promise
def reload_during_a_fetch(stage):
    "an account that is removed, or serves fewer, while tokens of its mailboxes are on their way"
    server, helper = stage.delegated()
    go = threading.Event()
    server.always("token", lambda _: go.wait(20) and None)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(helper.token, user) for user in (ALICE, BOB, CAROL)]
        server.wait_seen("token", 3)
        account = helper.accounts["google"]
        account["mailboxes_file"] = helper.secret_file("only", BOB + "\n")
        assert helper.reload()["status"] == "ok"
        del helper.accounts["google"]
        assert helper.reload()["status"] == "ok"
        helper.accounts["google"] = account
        assert helper.reload()["status"] == "ok"
        go.set()
        for asker in waiting:
            asker.result(30)
    ok(helper.token(BOB))
    assert helper.token()["status"] == "denied"
    stage.end()


@tap.promise
def background_refresh(stage):
    "the token of a mailbox in use is replaced before it ends: nobody waits"
    server, helper = stage.delegated()
    server.expires_in = 12
    ok(helper.token())
    server.expires_in = 3599
    server.wait_seen("token", 2, 20)
    assert asked_for(server) == [ALICE, ALICE]
    wait_for(lambda: int(helper.token()["expires_at"]) > time.time() + 3000, what="the new token")
    stage.end()


@tap.promise
def bounded(stage):
    "at most 1000 mailboxes are in memory; the least recently used one goes first"
    server, helper = stage.delegated(tls=False)
    users = [f"user{number}@example.com" for number in range(MANY)]
    tokens = {user: ok(helper.token(user)) for user in users[:2]}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        tokens.update(zip(users[2:], map(ok, pool.map(helper.token, users[2:]))))
    assert len(set(tokens.values())) == MANY and len(server.seen("token")) == MANY
    assert helper.list()["google"]["mailboxes"] == f"{MANY}"
    ok(helper.token(users[0]))      # so that users[1] is the one to go
    tokens[ALICE] = ok(helper.token(ALICE))
    assert helper.list()["google"]["mailboxes"] == f"{MANY}"
    assert helper.stop() == 0
    assert len([n for n in os.listdir(helper.state_dir) if n.startswith("~")]) == MANY
    helper.start()
    kept = [ALICE, users[0], *users[2:]]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        again = dict(zip(kept, map(ok, pool.map(helper.token, kept))))
    assert again == {user: tokens[user] for user in kept}, "asked again for what it had"
    assert ok(helper.token(users[1])) != tokens[users[1]], "this one was to go"
    assert asked_for(server)[MANY:] == [ALICE, users[1]]
    stage.end()


# ---- who is one of them


@tap.promise
def outside(stage):
    "no token for another domain, an odd name, or one that mailboxes_file does not have"
    server, helper = stage.delegated(start=False)
    helper.accounts["google"]["mailboxes_file"] = stage.env.write(
        "mailboxes", "alice@example.com\n\nCarol@Example.com\n")
    helper.start()
    for user in (ALICE, CAROL):
        ok(helper.token(user))
    odd = ["@example.com", "a b@example.com", "a@b@example.com", "x" * 65 + "@example.com", "alice",
           "*@example.com", "alice@mail.example.com", "alice@example.com.", "ü@example.com"]
    for user in (BOB, "alice@example.net", *odd):
        assert helper.token(user)["status"] in ("denied", "bad"), user
    assert len(server.seen("token")) == 2, asked_for(server)
    assert helper.token(host="elsewhere.example.com")["status"] == "denied"
    assert helper.token(service="pop")["status"] == "denied"
    if os.geteuid() == 0:
        assert helper.token(uid="games")["status"] == "denied"
    stage.end()


@tap.promise
def exact_first(stage):
    "an account for one mailbox comes before that of the domain"
    server, helper = stage.delegated(start=False)
    helper.accounts["alice"] = {"user": ALICE, "allow": os.geteuid()}
    helper.start()
    granted = server.issue(ALICE)
    assert helper.store("alice", granted)["status"] == "ok"
    assert ok(helper.token()) == granted["access_token"]
    ok(helper.token(BOB))
    assert asked_for(server) == [BOB]
    stage.end()


# ---- one token for all


def app_only(stage, **grant):
    """A helper, started, with an account for contoso.com of an application."""
    server, helper = stage.begin()
    helper.accounts["app"] = {
        "user": "*@contoso.com", "allow": os.geteuid(),
        "services": "imap smtp", "hosts": "localhost", **grant}
    if grant["grant"] == "client_credentials":
        helper.accounts["app"]["scope"] = "mail/.default"
        secret = stage.hide("the secret", "secret of the application")
        helper.accounts["app"]["client_secret_file"] = helper.secret_file("secret", secret)
    else:
        helper.accounts["app"].update(client_id=None, identity_resource="https://mail",
                                      identity_endpoint=server.identity_endpoint)
    return server, helper.start()


@tap.promise
def one_token_for_all(stage):
    "one token of an application serves a thousand mailboxes: one request, one state file"
    for grant in ("client_credentials", "managed_identity"):
        server, helper = app_only(stage, grant=grant)
        users = [f"user{number}@contoso.com" for number in range(MANY)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(helper.token, users))
        assert len({ok(reply) for reply in replies}) == 1
        assert [reply["sasl_user"] for reply in replies] == users
        assert len(server.seen("token")) == 1, grant
        assert "mailboxes" not in helper.list()["app"], helper.list()
        wait_for(lambda: helper.state("app"), what="the state file")
        assert not [n for n in os.listdir(helper.state_dir) if n.startswith("~")]
        stage.end()


@tap.promise
def one_report_is_not_enough(stage):
    "one mailbox that rejects the token of all changes nothing; two do"
    server, helper = app_only(stage, grant="client_credentials")
    report = {"request": "reject", "service": "imap", "host": "localhost", "detail": "status 401",
              "token_id": helper.token("a@contoso.com")["token_id"]}
    for user, action in (("a", "none"), ("a", "none"), ("b", "refresh")):
        reply = helper.request({**report, "user": f"{user}@contoso.com"})
        assert reply.get("action") == action, (user, reply)
    server.wait_seen("token", 2)
    stage.end()


tap.main(Stage, timeout=240)
