#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tokens - what the daemon does with tokens: it fetches once, keeps, serves, loses none"""

import errno
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import built, environment, wait_for
from helper import Helper, endpoints
from oauthd import OAuthServer, Reply
from oidc import PUBLIC, OidcProvider

ALICE = "alice@example.com"
BOB = "bob@example.com"


class World:
    """Makes a provider and a helper for one promise, and ends them after it."""

    def __init__(self, env):
        self.env = env

    def provider(self, **options):
        server = OAuthServer(tls=self.env.tls(), log=self.env.log_file("oauthd"), **options)
        return server.start()

    def helper(self, server, accounts=None, **options):
        accounts = accounts if accounts is not None else {"alice": {"user": ALICE}}
        return Helper(self.env, server, accounts=accounts, **options).start()

    def signed_in(self, **options):
        """A provider and a helper that has a grant of alice's, but no access token."""
        server = self.provider(**options)
        helper = self.helper(server)
        self.sign_in(server, helper)
        server.forget()
        return server, helper

    def sign_in(self, server, helper, account="alice", user=ALICE, expires_in=1):
        """Store a grant; unless said otherwise its access token has expired."""
        tokens = dict(server.issue(user), expires_in=expires_in)
        reply = helper.store(account, tokens)
        assert reply["status"] == "ok", reply
        if expires_in == 1:
            wait_for(lambda: helper.list()[account]["state"] == "stale", what="the token's end")
        return tokens


def ended(helper):
    assert helper.stop() == 0, helper.log()


@tap.promise
def serves(world):
    "a stored token is served with its id, its end and the name to log in as"
    server = world.provider()
    helper = world.helper(server)
    tokens = world.sign_in(server, helper, expires_in=3600)
    reply = helper.token()
    assert reply["status"] == "ok" and reply["token"] == tokens["access_token"], reply
    assert reply["sasl_user"] == ALICE and len(reply["token_id"]) == 16, reply
    assert 3590 <= int(reply["expires_at"]) - time.time() <= 3601, reply
    assert not server.seen("token"), "a valid token was refreshed"
    ended(helper)


@tap.promise
def one_request_for_twenty(world):
    "L2: 20 processes at an expired token cause one request, and 20 answers"
    server, helper = world.signed_in(single_use=True)
    fresh = server.issue(ALICE)
    server.script("token", Reply(json=fresh, delay=2))  # so that all of them come in time
    command = [built("sasl-bearer"), "--config", helper.config, "token", "alice"]
    programs = [subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
                for _ in range(20)]
    answers = [program.communicate(timeout=30)[0].strip() for program in programs]
    assert {program.returncode for program in programs} == {0}, answers
    assert set(answers) == {fresh["access_token"]}, "different tokens"
    assert len(server.seen("token")) == 1, len(server.seen("token"))
    ended(helper)


@tap.promise
def one_refresh_of_a_grant(world):
    "L2: so they do where the second use of a refresh token revokes the grant: at oidc-provider"
    oidc = OidcProvider(world.env, tls=True).start()
    helper = Helper(world.env, providers={"oidc": {
        "title": "OIDC", "scope": "openid offline_access mail", "hosts": "localhost",
        **endpoints(oidc)}})
    helper.accounts["alice"] = {"user": ALICE, "provider": "oidc", "client_id": PUBLIC}
    helper.start()
    first = oidc.sign_in(ALICE)
    assert helper.store("alice", first, expires_in=1)["status"] == "ok"
    wait_for(lambda: helper.list()["alice"]["state"] == "stale", what="the token's end")
    programs = [subprocess.Popen([built("sasl-bearer"), "--config", helper.config, "token", "alice"],
                                 env=environment(), stdout=subprocess.PIPE, text=True)
                for _ in range(20)]
    answers = {program.communicate(timeout=60)[0].strip() for program in programs}
    assert {program.returncode for program in programs} == {0}, answers
    assert len(answers) == 1 and first["access_token"] not in answers, len(answers)
    assert helper.log().count("new token") == 1, helper.log()
    assert oidc.introspect(answers.pop())["active"], "the grant is revoked"
    reply = helper.request({"request": "refresh", "account": "alice"})
    assert reply["status"] == "ok", reply
    ended(helper)


@tap.promise
def every_refresh_is_stored(world):
    "L3: a command that asks for a token, or a new one, has it made, and kept, by the helper"
    server, helper = world.signed_in(single_use=True)
    for number, words in enumerate((["token", "alice"], ["refresh", "alice"],
                                    ["token", "--format", "json", "alice"]), 1):
        assert helper.cli(*words).rc == 0, words
        assert len(server.seen("token")) == min(number, 2), words
        state = helper.state("alice")
        assert state["refresh_token"] == server.newest_refresh_token(ALICE), words
    helper.restart()
    assert helper.cli("refresh", "alice").rc == 0, "the grant is lost"
    ended(helper)


@tap.promise
def rotated_token_is_stored_first(world):
    "L4: a rotated refresh token is on disk when the first asker has its answer"
    server, helper = world.signed_in(single_use=True)
    reply = helper.token()
    assert reply["status"] == "ok", reply
    state = helper.state("alice")
    assert state["refresh_token"] == server.newest_refresh_token(ALICE), "not stored"
    assert os.stat(os.path.join(helper.state_dir, "alice")).st_mode & 0o7777 == 0o600
    ended(helper)


@tap.promise
def saved_in_order(world):
    "L4: a file beside the old one: written, synced, renamed, the directory synced, then the answer"
    tap.require("strace")
    tap.need(os.geteuid() == 0, "uid 0: the daemon shows its memory to no other")
    server = world.provider(single_use=True)
    log = world.env.path(world.env.name("calls"))
    helper = world.helper(server, wrapper=["strace", "-f", "-qq", "-s", "4096", "-o", log])
    world.sign_in(server, helper)
    before = os.path.getsize(log)
    reply = helper.token()
    assert reply["status"] == "ok", reply
    helper.stop()
    with open(log, encoding="utf-8", errors="replace") as f:
        f.seek(before)
        text = f.read()
    # in the order in which they ended; strace may tell of one in two lines
    steps = [("openat", r'"alice#new".*O_EXCL'), ("write", ""), ("fsync", ""), ("renameat", ""),
             ("fsync", ""), ("sendto", "token_id=" + reply["token_id"])]
    begun, done = {}, []
    for pid, line in re.findall(r"^(\d+) +(.*)$", text, re.M):
        if line.startswith("<... "):
            line = begun.pop(pid, "") + line
        elif line.endswith("<unfinished ...>"):
            begun[pid] = line
            continue
        wanted, detail = steps[len(done)]
        if re.match(wanted + r"\(", line) and re.search(detail, line):
            done.append(wanted)
        if "token_id=" + reply["token_id"] in line and line.startswith("sendto"):
            break
    assert len(done) == len(steps), (done, text[-4000:])


@tap.promise
def old_refresh_token_is_kept(world):
    "L7: an answer without refresh_token leaves the old one in place"
    server, helper = world.signed_in(rotate=False)
    before = helper.state("alice")["refresh_token"]
    server.script("token", Reply(json={"access_token": "a-1", "token_type": "bearer",
                                       "expires_in": 3600}))
    assert helper.token()["token"] == "a-1"
    wait_for(lambda: helper.state("alice").get("access_token") == "a-1", what="the new state")
    assert helper.state("alice")["refresh_token"] == before
    ended(helper)


@tap.promise
def survives_a_restart(world):
    "tokens survive a restart, and a valid one is not fetched again"
    server = world.provider()
    helper = world.helper(server)
    tokens = world.sign_in(server, helper, expires_in=3600)
    helper.restart()
    assert helper.token()["token"] == tokens["access_token"]
    helper.kill()
    helper.start()
    assert helper.token()["token"] == tokens["access_token"], "after kill -9"
    assert not server.seen("token")
    ended(helper)


@tap.promise
def unwritable_state(world):
    "L5: when the disk refuses it the new token is served, the old file is whole; it is saved later"
    server = world.provider(single_use=True)
    helper = world.helper(server)
    world.sign_in(server, helper)
    old = helper.state("alice")["refresh_token"]
    os.chmod(helper.state_dir, 0o500)
    reply = helper.token()
    assert reply["status"] == "ok", reply
    assert helper.state("alice")["refresh_token"] == old, "the file was touched"
    helper.wait_log("cannot save")
    assert "disk" in helper.list()["alice"]["last_error"], helper.list()
    os.chmod(helper.state_dir, 0o700)
    ended(helper)       # the last chance to save is at the end
    assert helper.state("alice")["refresh_token"] == server.newest_refresh_token(ALICE)


@tap.promise
def full_disk(world):
    "L1: where no file may grow the new token is served, the old file is whole"
    server = world.provider()
    helper = world.helper(server)
    world.sign_in(server, helper)
    ended(helper)
    with open(os.path.join(helper.state_dir, "alice"), "rb") as f:
        before = f.read()
    helper.wrapper = ["prlimit", "--fsize=0:unlimited"]
    helper.start()
    server.forget()
    wait_for(lambda: helper.token()["status"] == "ok" and server.seen("token"), what="a refresh")
    wait_for(lambda: "disk" in helper.list()["alice"].get("last_error", ""), what="the error")
    assert helper.token()["status"] == "ok"
    ended(helper)
    with open(os.path.join(helper.state_dir, "alice"), "rb") as f:
        assert f.read() == before


@tap.promise
def no_space(world):
    "L1: on a full disk as well; once there is room the new one is saved"
    server = world.provider(single_use=True)
    helper = Helper(world.env, server, accounts={"alice": {"user": ALICE}})
    owner = os.stat(helper.state_dir)
    done = world.env.run(["mount", "-t", "tmpfs", "-o", f"size=64k,mode=700,uid={owner.st_uid},"
                          f"gid={owner.st_gid}", "none", helper.state_dir])
    tap.need(done.rc == 0, "a file system of one's own (" + done.stderr.strip() + ")")
    try:
        helper.start()
        world.sign_in(server, helper)
        path = os.path.join(helper.state_dir, "alice")
        with open(path, "rb") as f:
            before = f.read()
        filler = os.path.join(helper.state_dir, "filler#")
        with open(filler, "wb", buffering=0) as f:
            try:
                while f.write(b"x" * 512):
                    pass
            except OSError as e:
                assert e.errno == errno.ENOSPC, e
        assert helper.token()["status"] == "ok", "not served"
        with open(path, "rb") as f:
            assert f.read() == before, "the file was touched"
        helper.wait_log("cannot save")
        assert "disk" in helper.list()["alice"]["last_error"], helper.list()
        assert os.listdir(helper.state_dir).count("alice#new") == 0
        os.unlink(filler)
        ended(helper)
        assert helper.state("alice")["refresh_token"] == server.newest_refresh_token(ALICE)
    finally:
        if helper.process:
            helper.kill()
        world.env.run(["umount", helper.state_dir])


@tap.promise
def other_account_is_not_held_up(world):
    "D2: while one provider hangs, another account is answered at once"
    silent, server = world.provider(), world.provider()
    go = silent.hold("token")
    helper = world.helper(server, {
        "alice": {"user": ALICE},
        "bob": {"user": BOB, "token_endpoint": silent.endpoint("token")}})
    world.sign_in(server, helper)
    world.sign_in(silent, helper, "bob", BOB)
    slow = []
    thread = threading.Thread(target=lambda: slow.append(helper.token(BOB)))
    thread.start()
    silent.wait_seen("token")
    assert helper.token()["status"] == "ok" and not slow, "alice had to wait for bob"
    go.set()
    thread.join()
    assert slow[0]["status"] == "ok", slow
    ended(helper)


@tap.promise
def askers_have_deadlines(world):
    "H2: while a provider is silent an asker is answered in the time it has, with a reason"
    server, helper = world.signed_in()
    server.always("token", Reply(silent=True))
    reply = helper.token(deadline_ms=1500)      # the fetch itself would say "did not answer"
    assert reply["status"] == "temporary" and "has not answered yet" in reply["reason"], reply
    helper.kill()


@tap.promise
def words_are_no_formats(world):
    "R5: %n and %s of a provider are words like others, in a reason and in the log"
    server, helper = world.signed_in()
    words = "50%n of %s %1000d"
    server.always("token", Reply.error("invalid_grant", words))
    reply = helper.token()
    assert reply["status"] == "login_required" and words in reply["reason"], reply
    assert words in helper.list()["alice"]["last_error"]
    assert words in helper.log(), helper.log()
    ended(helper)


@tap.promise
def valid_token_outlives_trouble(world):
    "while the provider fails, a token that still lives is served with its true end"
    server = world.provider()
    server.always("token", Reply(503))
    helper = world.helper(server)
    tokens = world.sign_in(server, helper, expires_in=120)
    reply = helper.token(min_validity=100)
    assert reply["status"] == "ok", reply
    server.forget()
    for _ in range(3):
        reply = helper.token(min_validity=86000)
        assert reply["status"] == "ok" and reply["token"] == tokens["access_token"], reply
        assert int(reply["expires_at"]) - time.time() < 121
    ended(helper)


@tap.promise
def failures_are_classified(world):
    "L6: each failure leads to its state and words; nothing is deleted"
    rows = [
        (Reply(503, body="<html>busy</html>", headers={"Content-Type": "text/html"}),
         "temporary", "backoff", "503"),
        (Reply(200, body="{"), "temporary", "backoff", ""),
        (Reply(close=True), "temporary", "backoff", ""),
        (Reply.error("temporarily_unavailable"), "temporary", "backoff", ""),
        (Reply.error("invalid_grant", "AADSTS700082: The refresh token has expired."),
         "login_required", "login_required", 'run "sasl-bearer login alice"'),
        (Reply.error("interaction_required", "AADSTS50076: MFA."), "login_required",
         "login_required", "AADSTS50076"),
        (Reply.error("invalid_client", "AADSTS7000222: The secret has expired.", 401), "config",
         "config", "AADSTS7000222"),
        (Reply.error("unauthorized_client"), "config", "config", "unauthorized_client"),
    ]
    for answer, status, state, words in rows:
        server, helper = world.signed_in()
        before = helper.state("alice")["refresh_token"]
        server.always("token", answer)
        reply = helper.token()
        assert reply["status"] == status and words in reply["reason"], (answer.body, reply)
        assert helper.list()["alice"]["state"] == state, helper.list()
        assert helper.token()["status"] == status, "the second asker hears the same"
        assert len(server.seen("token")) == 1, "hammered"
        assert helper.state("alice")["refresh_token"] == before, "deleted"
        ended(helper)


@tap.promise
def flow_is_remembered(world):
    "a policy against device codes ends a grant: the reason says so, if one made that grant"
    blocked = Reply.error("invalid_grant", "AADSTS530036: Refresh token has been restricted.",
                          error_codes=[530036])
    words = "made with a device code"
    for flow, said in (("device", True), ("browser", False), (None, False)):
        server = world.provider()
        helper = world.helper(server)
        more = {"flow": flow} if flow else {}
        tokens = server.issue(ALICE)
        assert helper.store("alice", tokens, **more)["status"] == "ok"
        assert helper.restart().list()["alice"].get("flow") == flow, "lost at a restart"
        server.always("token", blocked)
        reply = helper.request({"request": "refresh", "account": "alice"})
        assert reply["status"] == "login_required" and "AADSTS530036" in reply["reason"], reply
        assert (words in reply["reason"]) == ("--browser" in reply["reason"]) == said, reply
        assert 'run "sasl-bearer login alice"' in reply["reason"], reply
        ended(helper)
        server.stop()


@tap.promise
def retry_after_is_obeyed(world):
    "R8: Retry-After is told to askers, and nobody asks the provider before"
    server, helper = world.signed_in()
    server.script("token", Reply(429, headers={"Retry-After": "77"}))
    reply = helper.token()
    assert reply["status"] == "temporary" and 70 <= int(reply["retry_after"]) <= 78, reply
    assert helper.token()["status"] == "temporary"
    assert len(server.seen("token")) == 1
    ended(helper)


@tap.promise
def mended_grant_goes_on(world):
    "after a new sign-in, or `refresh`, a failed account works again at once"
    server, helper = world.signed_in()
    server.script("token", Reply.error("invalid_grant"), Reply.error("invalid_client", status=401))
    assert helper.token()["status"] == "login_required"
    world.sign_in(server, helper, expires_in=3600)
    assert helper.token()["status"] == "ok"
    reply = helper.request({"request": "refresh", "account": "alice"})
    assert reply["status"] == "config", reply
    reply = helper.request({"request": "refresh", "account": "alice"})
    assert reply["status"] == "ok", reply
    assert 3590 <= int(reply["expires_at"]) - time.time() <= 3601, reply
    assert helper.list()["alice"]["state"] == "fresh"
    ended(helper)


@tap.promise
def rejected_token_is_replaced_once(world):
    "W3: a token that a mail server rejects is replaced, once a minute at the most"
    server = world.provider()
    helper = world.helper(server)
    world.sign_in(server, helper, expires_in=3600)
    first = helper.token()
    report = {"request": "reject", "user": ALICE, "service": "imap", "host": "localhost",
              "token_id": first["token_id"], "detail": "status 401\x7f"}
    assert helper.request({**report, "detail": "status 401"})["action"] == "refresh"
    server.wait_seen("token")
    wait_for(lambda: helper.token()["token"] != first["token"], what="a new token")
    assert helper.request({**report, "detail": "again"})["action"] == "none", "the old token"
    now = helper.token()["token_id"]
    assert helper.request({**report, "token_id": now, "detail": "x"})["action"] == "none"
    assert len(server.seen("token")) == 1
    helper.wait_log("does not accept token")
    ended(helper)


@tap.promise
def client_credentials(world):
    "client credentials need no sign-in: the first asker gets a token; R1: the secret arrives whole"
    secret = "a&b+c%41=d"
    server = world.provider(clients={"app": secret})
    helper = Helper(world.env, server)
    path = helper.secret_file("secret", secret + "\n")
    helper.accounts["app"] = {"user": ALICE, "client_id": "app", "grant": "client_credentials",
                              "client_secret_file": path, "scope": "mail/.default"}
    helper.start()
    assert helper.token()["status"] == "ok", helper.log()
    form = server.seen("token")[0].form
    assert form["grant_type"] == "client_credentials" and form["scope"] == "mail/.default", form
    assert form["client_secret"] == secret, form
    wait_for(lambda: helper.state("app"), what="the state file")
    assert "refresh_token" not in helper.state("app")
    ended(helper)


@tap.promise
def replaced_secret_is_noticed(world):
    "a replaced secret file ends a config error without a restart"
    server = world.provider(clients={"app": "new-secret"})
    helper = Helper(world.env, server)
    path = helper.secret_file("secret", "old-secret")
    helper.accounts["app"] = {"user": ALICE, "client_id": "app", "grant": "client_credentials",
                              "client_secret_file": path, "scope": "x"}
    helper.start()
    assert helper.token()["status"] == "config"
    helper.secret_file("secret", "new-secret")
    wait_for(lambda: helper.token()["status"] == "ok", 15, "the new secret's effect")
    ended(helper)


@tap.promise
def open_secret_is_refused(world):
    "D8: a secret file that others may read is refused, with the chmod to run"
    server = world.provider()
    helper = Helper(world.env, server)
    path = helper.secret_file("secret", "s3cret")
    helper.accounts["app"] = {"user": ALICE, "client_id": "app", "grant": "client_credentials",
                              "client_secret_file": path, "scope": "x"}
    helper.start()
    os.chmod(path, 0o644)
    reply = helper.token()
    assert reply["status"] == "config" and "chmod" in reply["reason"], reply
    assert not server.seen("token")
    ended(helper)


def family(pid):
    """A process and all below it."""
    found = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
            for child in f.read().split():
                found += family(int(child))
    return found


@tap.promise
def secrets_are_no_arguments(world):
    "D8: while a provider is asked, no process has a secret in its arguments or its environment"
    tap.need(os.geteuid() == 0, "uid 0")
    secret = "a-secret-of-the-client"
    server = world.provider(clients={"app": secret})
    server.always("token", Reply(silent=True))
    helper = Helper(world.env, server, settings={"fetch_timeout": "4s"})
    helper.accounts["app"] = {"user": ALICE, "client_id": "app", "scope": "x",
                              "client_secret_file": helper.secret_file("secret", secret)}
    helper.start()
    tokens = dict(server.issue(ALICE, "app"), expires_in=1)
    assert helper.store("app", tokens)["status"] == "ok"
    wait_for(lambda: helper.list()["app"]["state"] == "stale", what="the token's end")
    thread = threading.Thread(target=helper.token)
    thread.start()
    server.wait_seen("token")
    pids = family(helper.process.pid)
    assert len(pids) == 3, "daemon, spawner and child"
    for pid in pids:
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as f:
                text = f.read().decode(errors="replace")
            assert text or name == "environ", pid
            for hidden in (secret, tokens["refresh_token"], tokens["access_token"]):
                assert hidden[:12] not in text, (pid, name)
    thread.join(30)
    ended(helper)


@tap.promise
def public_client_sends_no_secret(world):
    "R2: a public client sends no client_secret at all"
    server, helper = world.signed_in()
    assert helper.token()["status"] == "ok"
    assert "client_secret" not in dict(server.seen("token")[0].pairs)
    ended(helper)


@tap.promise
def min_validity_is_clamped(world):
    "R7: min_validity above the granted lifetime costs one request per expiry"
    server = world.provider(expires_in=100)
    helper = world.helper(server, {"alice": {"user": ALICE, "min_validity": "1h"}})
    world.sign_in(server, helper)
    server.forget()
    for _ in range(5):
        assert helper.token()["status"] == "ok"
    assert len(server.seen("token")) == 1, len(server.seen("token"))
    ended(helper)


@tap.promise
def background_refresh(world):
    "an account in use is refreshed before its token ends: nobody waits"
    server = world.provider(expires_in=12)
    helper = world.helper(server)
    world.sign_in(server, helper)
    assert helper.token()["status"] == "ok"
    seen = len(server.seen("token"))
    server.wait_seen("token", seen + 1, 20)
    ended(helper)


@tap.promise
def nothing_is_lost_at_shutdown(world):
    "SIGTERM during a slow rotating refresh waits for it, stores it, answers"
    server = world.provider(single_use=True)
    helper = world.helper(server)
    world.sign_in(server, helper)
    fresh = server.issue(ALICE)
    server.script("token", Reply(json=fresh, delay=2))
    replies = []
    thread = threading.Thread(target=lambda: replies.append(helper.token()))
    thread.start()
    server.wait_seen("token")
    ended(helper)
    thread.join(10)
    assert replies and replies[0]["status"] == "ok", replies
    assert helper.state("alice")["refresh_token"] == fresh["refresh_token"]


@tap.promise
def sign_in_during_a_fetch_wins(world):
    "a sign-in during a refresh of the old grant is not overwritten by it"
    server = world.provider()
    helper = world.helper(server)
    world.sign_in(server, helper)
    server.script("token", Reply(json={"access_token": "old-a", "refresh_token": "old-r",
                                       "token_type": "Bearer", "expires_in": 3600}, delay=1.5))
    replies = []
    thread = threading.Thread(target=lambda: replies.append(helper.token()))
    thread.start()
    server.wait_seen("token")
    new = world.sign_in(server, helper, expires_in=3600)
    thread.join(10)
    helper.wait_log("too late")
    assert replies[0]["token"] == new["access_token"], replies
    assert helper.state("alice")["refresh_token"] == new["refresh_token"]
    ended(helper)


@tap.promise
def other_registration(world):
    "tokens of another registration are not used, and not deleted"
    server = world.provider()
    helper = world.helper(server)
    world.sign_in(server, helper, expires_in=3600)
    helper.accounts["alice"]["client_id"] = "another"
    assert helper.reload()["status"] == "ok"
    reply = helper.token()
    assert reply["status"] == "login_required" and "another client_id" in reply["reason"], reply
    assert helper.state("alice")["refresh_token"]
    helper.accounts["alice"]["client_id"] = "test-client"
    assert helper.reload()["status"] == "ok"
    assert helper.token()["status"] == "ok", "back again"
    reply = helper.store("alice", server.issue(ALICE), config_id="0" * 64)
    assert reply["status"] == "bad", reply
    ended(helper)


@tap.promise
def other_registration_during_a_fetch(world):
    "a refresh that ends after the registration was changed is kept for the old one"
    server, helper = world.signed_in(single_use=True)
    fresh = server.issue(ALICE)
    server.script("token", Reply(json=fresh, delay=1.5))
    replies = []
    thread = threading.Thread(target=lambda: replies.append(helper.token()))
    thread.start()
    server.wait_seen("token")
    helper.accounts["alice"]["client_id"] = "another"
    assert helper.reload()["status"] == "ok"
    thread.join(15)
    assert replies[0]["status"] == "login_required", replies
    assert helper.state("alice")["refresh_token"] == fresh["refresh_token"], "lost"
    helper.accounts["alice"]["client_id"] = "test-client"
    assert helper.reload()["status"] == "ok"
    assert helper.token()["token"] == fresh["access_token"]
    ended(helper)


@tap.promise
def second_daemon(world):
    "D10: a second daemon on the same state directory refuses to start"
    server = world.provider()
    helper = world.helper(server)
    done = world.env.run(helper.command("--foreground"))
    assert done.rc != 0 and "another sasl-bearerd uses it" in done.stderr, done
    assert helper.request({"request": "hello"})["status"] == "ok", "the first one was harmed"
    ended(helper)


@tap.promise
def forgets(world):
    "`forget` removes the tokens, and with revoke=yes gives the grant back"
    server = world.provider()
    helper = world.helper(server)
    tokens = world.sign_in(server, helper, expires_in=3600)
    reply = helper.request({"request": "forget", "account": "alice", "revoke": "yes"})
    assert reply["status"] == "ok" and reply["revoked"] == "yes", reply
    assert server.seen("revoke")[0].form["token"] == tokens["refresh_token"]
    assert helper.state("alice") is None
    assert helper.token()["status"] == "login_required"
    world.sign_in(server, helper, expires_in=3600)
    server.always("revoke", Reply(503))
    reply = helper.request({"request": "forget", "account": "alice", "revoke": "yes"})
    assert reply["status"] == "ok" and reply["revoked"] == "no" and "503" in reply["reason"], reply
    assert helper.state("alice") is None, "forgotten all the same"
    ended(helper)


@tap.promise
def no_secret_in_the_log(world):
    "W7: no token or secret is in the log at the highest level"
    server = world.provider(clients={"app": "s3cret-of-app", "test-client": None})
    helper = Helper(world.env, server, accounts={"alice": {"user": ALICE}})
    helper.accounts["app"] = {"user": BOB, "client_id": "app", "grant": "client_credentials",
                              "client_secret_file": helper.secret_file("secret", "s3cret-of-app"),
                              "scope": "x"}
    helper.start()
    tokens = world.sign_in(server, helper)
    server.script("token", Reply.error("invalid_grant", f"bad {tokens['refresh_token']}"))
    replies = [helper.token(), helper.token(BOB)]
    helper.request({"request": "refresh", "account": "alice"})
    helper.cli("refresh", "alice")
    ended(helper)
    log = helper.log()
    assert "new token" in log and "no new token" in log, log
    secrets = [tokens["refresh_token"], tokens["access_token"], "s3cret-of-app",
               helper.state("alice")["access_token"], helper.state("alice")["refresh_token"],
               replies[1]["token"]]
    for secret in secrets:
        assert secret[:16] not in log, "a secret is in the log"
        assert secret[:16] not in str(replies[0]), "a secret is in a reason"


tap.main(World, timeout=240)
