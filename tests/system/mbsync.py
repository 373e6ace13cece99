#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""mbsync - mbsync fetches mail by OAuth and knows nothing of tokens"""

import glob
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import sasl_path, wait_for
from helper import Helper
from mail import Dovecot, mbsync
from scripted import Imap, Scripted
from setup import install, setup
from world import MECHANISMS, World

ALICE = "alice@example.com"
PASSWORD = "correct horse"


class Mail(World):
    """A world in which mbsync runs."""

    def __init__(self, env):
        super().__init__(env, passwords={"paul@example.com": PASSWORD})
        self.helper.start()
        self.known = {}

    def printed(self, user, mechanism=None, dovecot=None, helper=None):
        """What setup prints: {heading: text}.  It is asked once: later the helper may be gone."""
        helper, dovecot = helper or self.helper, dovecot or self.dovecot
        key = user, mechanism, dovecot, helper
        if key not in self.known:
            choice = ["--mechanism", mechanism] if mechanism else []
            self.known[key] = setup(helper, "mbsync", user, *choice, "--ca-file",
                                    self.env.tls().ca, "--server", f"localhost:{dovecot.imaps}")
        return self.known[key]

    def fetch(self, user, mechanism=None, dovecot=None, helper=None, uid=None, home=None,
              environment=None, change=str):
        """Do what setup prints, in a home directory of the user's; returns a Result.

        environment  more of it
        change       function of .mbsyncrc
        """
        found = self.printed(user, mechanism, dovecot, helper)
        home = self.env.mkdir(home or user, uid=uid)
        path, = install(home, {"~/.mbsyncrc": change(found["~/.mbsyncrc"])}, 0o644).values()
        assert os.path.dirname(path) == home
        return self.env.run(["sh", "-ec", found["run"]], uid=uid, timeout=20, env={
            "SASL_PATH": sasl_path(), **(environment or {}), "HOME": home})

    def fetched(self, home):
        """The subjects of what is in the INBOX of a home directory."""
        found = []
        for file in glob.glob(self.env.path(home, "Mail", "*", "INBOX", "[cn]*", "*")):
            with open(file, encoding="utf-8") as f:
                found += [line[9:-1] for line in f if line.startswith("Subject: ")]
        return sorted(found)


def assert_fetches(world, user, mechanism, dovecot):
    """A message that is delivered now is fetched, by that mechanism."""
    subject = f"{mechanism} for {user}"
    dovecot.deliver(user, subject)
    done = world.fetch(user, mechanism, dovecot)
    assert done.rc == 0, done
    assert subject in world.fetched(user), world.fetched(user)
    dovecot.wait_login(user, mechanism)


@tap.promise
def xoauth2(world):
    "mbsync fetches mail by XOAUTH2"
    world.account(ALICE)
    assert_fetches(world, ALICE, "XOAUTH2", world.dovecot)


@tap.promise
def oauthbearer(world):
    "mbsync fetches mail by OAUTHBEARER"
    assert_fetches(world, ALICE, "OAUTHBEARER", world.dovecot)


@tap.promise
def printed(world):
    "what setup prints takes OAUTHBEARER, and asks for no password"
    world.dovecot.deliver(ALICE, "as printed")
    before = len(world.dovecot.log())
    done = world.fetch(ALICE)
    assert done.rc == 0 and "as printed" in world.fetched(ALICE), done
    assert "assword" not in done.stdout + done.stderr, done
    world.dovecot.wait_login(ALICE, "OAUTHBEARER", before)


@tap.promise
def any_mechanism(world):
    "mbsync without AuthMechs takes OAUTHBEARER, also where PLAIN is offered"
    world.dovecot.deliver(ALICE, "any")
    before = len(world.dovecot.log())
    done = world.fetch(ALICE, change=lambda text: re.sub(
        "^AuthMechs .*$", "Pass unused", text, flags=re.M))
    assert done.rc == 0 and "any" in world.fetched(ALICE), done
    world.dovecot.wait_login(ALICE, "OAUTHBEARER", before)


@tap.promise
def starttls(world):
    "mbsync fetches mail over STARTTLS too"
    world.dovecot.deliver(ALICE, "starttls")
    done = world.fetch(ALICE, change=lambda text: text.replace(
        f"Port {world.dovecot.imaps}", f"Port {world.dovecot.imap}").replace(
            "SSLType IMAPS", "SSLType STARTTLS"))
    assert done.rc == 0 and "starttls" in world.fetched(ALICE), done


@tap.promise
def certified_device(world):
    "with a certified OpenID provider and an approved device both mechanisms work"
    world.device_account("diana@example.com")
    for mechanism in MECHANISMS:
        assert_fetches(world, "diana@example.com", mechanism, world.certified)


@tap.promise
def certified_app(world):
    "with a certified OpenID provider and client_credentials both mechanisms work"
    world.app_account()
    for mechanism in MECHANISMS:
        assert_fetches(world, world.app, mechanism, world.certified)


@tap.promise
def large_token(world):
    "a token of 3 KB is no trouble"
    world.oauth.token_size = 3000
    try:
        world.account("large@example.com")
    finally:
        world.oauth.token_size = 1500
    assert len(world.helper.token("large@example.com")["token"]) == 3000
    for mechanism in MECHANISMS:
        assert_fetches(world, "large@example.com", mechanism, world.dovecot)


@tap.promise
def expiry(world):
    "after the access token has expired mbsync goes on, for one refresh per expiry"
    user = "expiry@example.com"
    tokens = world.account(user, expires_in=1)
    end = time.time() + 1.1
    world.oauth.expire(tokens["access_token"])
    wait_for(lambda: time.time() > end)
    for mechanism in MECHANISMS:
        assert_fetches(world, user, mechanism, world.dovecot)
    assert world.refreshes(user) == 1


@tap.promise
def revoked(world):
    "after the grant is revoked mbsync ends with 1 and says which command to run"
    user = "revoked@example.com"
    world.account(user, expires_in=1)
    world.oauth.revoke(user)
    end = time.time() + 1.1
    wait_for(lambda: time.time() > end)
    for mechanism in MECHANISMS:
        done = world.fetch(user, mechanism)
        assert done.rc == 1, done
        assert f"sasl-bearer login {user}" in done.stderr, done


@tap.promise
def rejected(world):
    "a token that the server rejects ends mbsync at once, with 1, and is replaced"
    for mechanism in MECHANISMS:
        user = f"rejected-{mechanism.lower()}@example.com"
        tokens = world.account(user)
        world.oauth.expire(tokens["access_token"])      # the helper does not know
        done = world.fetch(user, mechanism)
        assert done.rc == 1, done
        assert "AUTHENTICATIONFAILED" in done.stderr + done.stdout, done
        wait_for(lambda: world.refreshes(user) == 1, 10, "the refresh")
        world.helper.wait_log(f'account "{user}": localhost does not accept token')
        new = wait_for(lambda: (t := world.helper.token(user)["token"])
                       != tokens["access_token"] and t)
        assert new in world.oauth.access
        assert_fetches(world, user, mechanism, world.dovecot)


@tap.promise
def refused_at_once(world):
    "a server that refuses a token without a challenge, as Exchange does, is quoted"
    server = Scripted(world.env, Imap, verdict="NO AUTHENTICATE failed.")
    server.imaps = server.port
    for mechanism in MECHANISMS:
        done = world.fetch(ALICE, mechanism, server)
        assert done.rc == 1 and "NO AUTHENTICATE failed." in done.stderr + done.stdout, done
        server.wait_log(f"refused: user=<{ALICE}>, method={mechanism}")


@tap.promise
def shared_mailbox(world):
    "a shared mailbox is an account of its own, or what another is for, by sasl_user"
    server = Dovecot(world.env, world.oauth, any_user=True).start()
    world.account("office@example.com", grant=world.oauth.issue(ALICE))
    world.account("carol@example.com", sasl_user="sales@example.com")
    for user, mailbox in (("office@example.com", "office@example.com"),
                          ("carol@example.com", "sales@example.com")):
        for mechanism in MECHANISMS:
            subject = f"{mechanism} for {mailbox}"
            server.deliver(mailbox, subject)
            done = world.fetch(user, mechanism, server)
            assert done.rc == 0 and subject in world.fetched(user), done
            server.wait_login(mailbox, mechanism)


@tap.promise
def two_accounts(world):
    "two accounts and one with a password live in one .mbsyncrc"
    one, two, paul = "one@example.com", "two@example.com", "paul@example.com"
    for user in (one, two):
        world.account(user)
    texts = [world.printed(user)["~/.mbsyncrc"] for user in (one, two)]
    # as the comment there says
    texts.append(re.sub("^AuthMechs .*$", f'AuthMechs PLAIN LOGIN\nPass "{PASSWORD}"',
                        texts[0].replace(one, paul), flags=re.M))
    for user in (one, two, paul):
        world.dovecot.deliver(user, f"for {user}")
    home = world.env.mkdir("three")
    install(home, {"~/.mbsyncrc": "\n".join(texts)})
    for user in (one, two, paul):
        world.env.mkdir(f"three/Mail/{user}")
    done = world.env.run(["mbsync", "-a"], timeout=20, env={
        "HOME": home, "SASL_PATH": sasl_path(), "SASL_BEARER_SOCKET": world.helper.socket})
    assert done.rc == 0, done
    assert world.fetched("three") == [f"for {user}" for user in sorted((one, two, paul))]
    for user, mechanism in ((one, "OAUTHBEARER"), (two, "OAUTHBEARER"), (paul, "PLAIN")):
        world.dovecot.wait_login(user, mechanism)


@tap.promise
def wrong_host(world):
    "a mail server that is not in hosts gets no token, and mbsync names server and account"
    world.account("host@example.com")
    for mechanism in MECHANISMS:        # setup itself would refuse it afterwards
        world.printed("host@example.com", mechanism)
    world.account("host@example.com", hosts="imap.example.com")
    for mechanism in MECHANISMS:
        done = world.fetch("host@example.com", mechanism)
        assert done.rc == 1, done
        reason = 'host "localhost" is not in hosts of account "host@example.com"'
        assert reason in done.stderr, done
    assert "user=<host@example.com>" not in world.dovecot.log()


@tap.promise
def stranger(world):
    "to another local user mbsync's mechanisms do not even exist"
    done = world.fetch(ALICE, uid="bin", home="stranger")
    assert done.rc == 1 and "SASL mechanism(s) not available" in done.stderr, done
    assert "denied" in world.helper.token(uid="bin")["status"]


@tap.promise
def provider_down(world):
    "while the provider is down mbsync ends with 1 and the cause, and works again afterwards"
    user = "down@example.com"
    world.account(user, expires_in=1)
    end = time.time() + 1.1
    wait_for(lambda: time.time() > end)
    world.oauth.stop()
    try:
        done = world.fetch(user)
    finally:
        world.oauth.start()
    assert done.rc == 1, done
    assert "127.0.0.1" in done.stderr and "connect" in done.stderr.lower(), done
    assert world.helper.request({"request": "refresh", "account": user})["status"] == "ok"
    assert_fetches(world, user, "XOAUTH2", world.dovecot)


@tap.promise
def user_helper(world):
    "a person's own helper, found through XDG_RUNTIME_DIR alone, serves that person's mbsync"
    own = Helper(world.env, world.oauth, accounts={"own@example.com": {}}, user="bin").start()
    assert own.store("own@example.com", world.oauth.issue("own@example.com"),
                     uid="bin")["status"] == "ok"
    world.dovecot.deliver("own@example.com", "own helper")
    how = {"helper": own, "environment": own.environment}
    assert "SASL_BEARER_SOCKET" not in world.printed("own@example.com", helper=own)["run"]
    done = world.fetch("own@example.com", uid="bin", **how)
    assert done.rc == 0 and world.fetched("own@example.com") == ["own helper"], done
    done = world.fetch("own@example.com", uid="daemon", home="other", **how)
    assert done.rc == 1 and not world.fetched("other"), done
    own.stop()


@tap.promise
def helper_killed(world):
    "while the helper is down mbsync ends with 1 and says so"
    world.helper.kill()
    for mechanism in MECHANISMS:
        done = world.fetch(ALICE, mechanism)
        assert done.rc == 1, done
        assert world.helper.socket in done.stderr, done
        assert "is sasl-bearerd running?" in done.stderr, done


@tap.promise
def helper_back(world):
    "once the helper is back mbsync works, with the tokens of before"
    requests = len(world.oauth.seen("token"))
    world.helper.start()
    assert_fetches(world, ALICE, "XOAUTH2", world.dovecot)
    assert len(world.oauth.seen("token")) == requests


@tap.promise
def no_secrets(world):
    "no token and no secret is in the helper's log, though it is at debug"
    world.assert_no_secret(world.helper.log())


@tap.promise
def no_helper(world):
    "without a helper mbsync ends with 1 and says that the mechanism is not available"
    world.helper.stop()
    os.unlink(world.helper.socket)
    done = world.fetch(ALICE)
    assert done.rc == 1 and "SASL mechanism(s) not available" in done.stderr, done


@tap.promise
def password_alone(world):
    "an account with a password works as if the plugin were not installed"
    world.dovecot.deliver("paul@example.com", "password")
    nowhere = {"SASL_BEARER_SOCKET": world.env.path("nowhere", "socket")}
    before = len(world.dovecot.log())
    done = mbsync(world.env, world.dovecot.imaps, "paul@example.com", password=PASSWORD,
                  environment=nowhere)
    assert done.rc == 0, done
    world.dovecot.wait_login("paul@example.com", "PLAIN", before)


tap.main(Mail, root=True, programs=["mbsync", "dovecot"], timeout=180)
