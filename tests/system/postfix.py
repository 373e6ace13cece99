#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""postfix - Postfix sends through a smarthost by OAuth and knows nothing of tokens"""

import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import wait_for
from mail import Postfix
from oauthd import Reply
from scripted import Smarthost
from world import MECHANISMS, World

ALICE = "alice@example.com"
DIANA = "diana@example.com"


class Mail(World):
    """A world with two Postfixes: smtp(8) in its chroot, and not.

    Both have default configuration plus the documented lines; see lib/postfix.py.
    """

    def __init__(self, env):
        super().__init__(env, passwords={"paul@example.com": "correct horse"},
                         settings={"fetch_timeout": "4s"})
        environment = {"SASL_BEARER_SOCKET": self.helper.socket}
        self.jail = Postfix(env, self.dovecot.smtp, ALICE, environment=environment)
        self.open = Postfix(env, self.dovecot.smtp, ALICE, environment=environment, chroot=False)
        self.helper.listen.append(self.jail.jailed(self.helper.socket))
        self.helper.start()
        self.jail.start()
        self.open.start()

    def account(self, user, **keys):
        return super().account(user, **{"allow": "postfix", **keys})

    def use(self, user, port=None, mechanism="", postfix=None, **changes):
        """Let a Postfix log in as a user to a server's port; returns it, its queue empty."""
        postfix = postfix or self.jail
        assert postfix.command("postsuper", "-d", "ALL").rc == 0
        postfix.configure(user=user, relay=f"[localhost]:{port or self.dovecot.smtp}",
                          filter=mechanism.lower(), **changes)
        postfix.reload()
        return postfix


def assert_sends(world, postfix, mechanism="", dovecot=None):
    """A message goes out and arrives, by that mechanism."""
    dovecot = dovecot or world.dovecot
    before, log = len(world.sink.messages), len(dovecot.log())
    subject = f"{mechanism} number {before}"
    status, reason = postfix.send(subject=subject)
    assert status == "sent", reason
    message = world.sink.wait(before + 1)[-1]
    assert f"Subject: {subject}\n" in message.data.replace("\r", ""), message
    dovecot.wait_login(postfix.user, mechanism, log)


def assert_defers(postfix, *words):
    """A message stays in the queue, and the log has these words; returns its queue id."""
    before = len(postfix.log())
    number = postfix.mail()
    line = postfix.wait_log(rf"{number}: to=.*dsn=([\d.]+), status=(\w+) \((.*)\)", since=before)
    assert line.group(2) == "deferred" and line.group(1).startswith("4."), line.group()
    for word in words:
        assert word in postfix.log()[before:], (word, postfix.log()[before:])
    wait_for(lambda: number in postfix.queue(), what="the message in the queue")
    assert f"{number}: removed" not in postfix.log()
    return number


def assert_recovers(postfix, number):
    """A message that was deferred goes out by itself."""
    postfix.flush()
    postfix.wait_log(rf"{number}: to=.*status=sent", timeout=15)


def wait_out(seconds):
    """Wait until a lifetime is over."""
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= end, seconds + 5)


@tap.promise
def chroot(world):
    "D7, H8: a chrooted Postfix delivers by both mechanisms, over one socket in its jail"
    world.account(ALICE)
    for mechanism in MECHANISMS:
        assert_sends(world, world.use(ALICE, mechanism=mechanism), mechanism)
    smtp = world.jail.wait_log(r"postfix/smtp\[(\d+)\]: \w+: to=").group(1)
    pids = set(re.findall(r"postfix/smtp\[(\d+)\]", world.jail.log())) or {smtp}
    roots = {os.readlink(f"/proc/{pid}/root") for pid in pids if os.path.exists(f"/proc/{pid}")}
    assert roots == {os.path.realpath(world.jail.queue_dir)}, roots


@tap.promise
def no_chroot(world):
    "a Postfix without a chroot does so too"
    for mechanism in MECHANISMS:
        assert_sends(world, world.use(ALICE, mechanism=mechanism, postfix=world.open), mechanism)


@tap.promise
def no_filter(world):
    "without smtp_sasl_mechanism_filter it takes OAUTHBEARER, even where PLAIN is offered"
    assert_sends(world, world.use(ALICE), "OAUTHBEARER")


@tap.promise
def jail_is_clean(world):
    "D7: the helper adds nothing to the jail but its socket and its markers"
    world.account(ALICE)
    inside = world.jail.queue_dir + os.path.dirname(world.helper.socket)
    found = sorted(os.path.relpath(os.path.join(where, name), inside)
                   for where, _, names in os.walk(inside) for name in names)
    assert "socket" in found, found
    rest = [name for name in found if not name.startswith("accounts/") and name != "socket"]
    assert not rest, rest
    assert not any(os.path.getsize(os.path.join(inside, n)) for n in found if n != "socket")


@tap.promise
def certified_device(world):
    "with a certified OpenID provider and an approved device both mechanisms work in both"
    world.device_account(DIANA, allow="postfix")
    for postfix in (world.jail, world.open):
        for mechanism in MECHANISMS:
            world.use(DIANA, world.certified.smtp, mechanism, postfix)
            assert_sends(world, postfix, mechanism, world.certified)


@tap.promise
def certified_app(world):
    "with client_credentials at a certified OpenID provider no person is needed at all"
    world.app_account(allow="postfix")
    for postfix, mechanism in zip((world.jail, world.open), MECHANISMS):
        world.use(world.app, world.certified.smtp, mechanism, postfix)
        assert_sends(world, postfix, mechanism, world.certified)


@tap.promise
def expiry(world):
    "when access tokens expire mail flows on; only the provider notices, seldom"
    user = "expiry@example.com"
    world.oauth.expires_in = 4
    try:
        world.account(user)
        postfix = world.use(user)
        tokens, started = set(), time.monotonic()
        for _ in range(3):
            for _ in range(2):
                assert_sends(world, postfix, "OAUTHBEARER")
            tokens.add(world.helper.token(user, service="smtp")["token"])
            wait_out(4)
    finally:
        world.oauth.expires_in = 3599
    assert len(tokens) == 3, tokens
    # ahead of time, so that nobody waits: with a life this short, after a quarter of it
    seconds = time.monotonic() - started
    assert 2 <= world.refreshes(user) <= seconds + 1, (world.refreshes(user), seconds)
    last = world.helper.token(user, service="smtp")
    wait_for(lambda: world.helper.token(user, service="smtp")["token"] not in tokens
             and world.helper.list()[user]["state"] == "fresh"
             and int(world.helper.list()[user]["expires_at"]) > time.time() + 60, 10, last)
    count = world.refreshes(user)
    for _ in range(3):
        assert_sends(world, postfix, "OAUTHBEARER")
    assert world.refreshes(user) == count
    assert "status=deferred" not in postfix.log()


@tap.promise
def one_refresh(world):
    "one expiry costs one refresh, and it uses the grant that was stored"
    user = "once@example.com"
    tokens = world.account(user, expires_in=1)
    wait_out(1.1)
    world.oauth.expire(tokens["access_token"])
    postfix = world.use(user)
    for _ in range(3):
        assert_sends(world, postfix, "OAUTHBEARER")
    assert world.refreshes(user) == 1


@tap.promise
def large_token(world):
    "a token of 3 KB, too long for the AUTH command itself, is no trouble"
    user = "large@example.com"
    world.oauth.token_size = 3000
    try:
        world.account(user)
    finally:
        world.oauth.token_size = 1500
    for mechanism in MECHANISMS:
        assert_sends(world, world.use(user, mechanism=mechanism), mechanism)
    relay = Smarthost(world.env)
    assert world.use(user, relay.port, "XOAUTH2").send()[0] == "sent"
    assert "AUTH XOAUTH2" in relay.lines, [line[:60] for line in relay.lines]
    response, = relay.responses()
    assert len(response) > 3000 and response.startswith(b"user=large@example.com\1auth=Bearer ")


@tap.promise
def revoked(world):
    "after the grant is revoked mail is deferred, and the log says which command to run"
    user = "revoked@example.com"
    world.account(user, expires_in=1)
    world.oauth.revoke(user)
    wait_out(1.1)
    number = assert_defers(world.use(user), "SASL authentication failure: ",
                           f"sasl-bearer login {user}")
    assert world.helper.store(user, world.oauth.issue(user))["status"] == "ok"
    assert_recovers(world.jail, number)


@tap.promise
def rejected(world):
    "a token that the server rejects is replaced, and the mail goes out, at once or from the queue"
    for mechanism in MECHANISMS:
        user = f"rejected-{mechanism.lower()}@example.com"
        tokens = world.account(user)
        world.oauth.expire(tokens["access_token"])      # the helper does not know
        postfix = world.use(user, mechanism=mechanism)
        before = len(postfix.log())
        number = postfix.mail()
        fate = postfix.wait_log(rf"{number}: to=.*status=(\w+) ", since=before).group(1)
        assert fate in ("deferred", "sent"), fate       # Postfix may try again by itself
        assert "the server does not accept the token: " in postfix.log()[before:]
        wait_for(lambda: world.refreshes(user) == 1, what="the refresh")
        world.helper.wait_log(f'account "{user}": localhost does not accept token')
        assert_recovers(postfix, number)
        assert world.refreshes(user) == 1


@tap.promise
def final_words(world):
    "W1: the server's own last words are in the log when it rejects a token by a challenge"
    scope = '"scope":"https://outlook.example/"'
    challenges = {"XOAUTH2": '{"status":"401","schemes":"bearer",' + scope + "}",
                  "OAUTHBEARER": '{"status":"invalid_token",' + scope + "}"}
    for mechanism, challenge in challenges.items():
        user = f"words-{mechanism.lower()}@example.com"
        world.account(user)
        words = f"535 5.7.3 unique words for {mechanism} [ABC.EXAMPLE.COM]"
        relay = Smarthost(world.env, words, challenge=challenge)
        postfix = world.use(user, relay.port, mechanism)
        assert_defers(postfix, words, "status ", 'scope "https://outlook.example/"')
        wanted = {"XOAUTH2": b"", "OAUTHBEARER": b"\1"}[mechanism]
        assert relay.answers[0] == wanted, relay.answers
        world.helper.wait_log(f'account "{user}": localhost does not accept token')


@tap.promise
def direct_refusal(world):
    "W3: the server's words are in the log too when it says 535 at once, and mail is kept"
    relay = Smarthost(world.env, "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication "
                  "is disabled for the Mailbox.")
    for mechanism in MECHANISMS:
        assert_defers(world.use(ALICE, relay.port, mechanism), "535 5.7.139 Authentication "
                      "unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.")
    assert relay.logins()


@tap.promise
def silent_provider(world):
    "H2: a silent provider defers its account's mail with a reason; another account's mail flows"
    user = "silent@example.com"
    world.define(user, allow="postfix")
    # one Postfix, two relays, an account for each
    maps = world.env.write("relays", f"{DIANA} [localhost]:{world.certified.smtp}\n")
    secrets = world.env.write("secrets", f"[localhost]:{world.certified.smtp} {DIANA}\n"
                              f"[localhost]:{world.dovecot.smtp} {user}\n")
    for path in (maps, secrets):
        os.utime(path, (1e9, 1e9))
    postfix = world.use(user, settings={
        "sender_dependent_relayhost_maps": f"texthash:{maps}",
        "smtp_sasl_password_maps": f"texthash:{secrets}"})
    requests = len(world.oauth.seen("token"))
    world.oauth.always("token", Reply(silent=True))
    stored = world.helper.store(user, {"refresh_token": world.oauth.issue(user)["refresh_token"]})
    assert stored["status"] == "ok", stored
    world.oauth.wait_seen("token", requests + 1)
    before = len(postfix.log())
    silent = postfix.mail()
    status, reason = postfix.send(sender=DIANA)
    assert status == "sent", reason
    assert f"{silent}: to=" not in postfix.log(), "the other one had to wait for it"
    postfix.wait_log(rf"{silent}: to=.*status=deferred", since=before)
    cause = postfix.wait_log("SASL authentication failure: (.*)", since=before).group(1)
    assert "127.0.0.1" in cause and re.search("time|answer", cause), cause
    world.oauth.always("token", None)
    # the next attempt is the helper's own, five seconds later
    postfix.wait_log(rf"{silent}: to=.*status=sent", timeout=30)
    world.use(ALICE, settings={})


@tap.promise
def no_tls(world):
    "H9: where a connection has no TLS nothing is sent, and mail is deferred"
    for level in ("may", "none"):
        relay = Smarthost(world.env, tls=None)
        postfix = world.use(ALICE, relay.port, tls_level=level)
        assert_defers(postfix)
        relay.assert_nothing_sent()
        assert "MAIL" not in "".join(relay.lines), relay.lines
    relay = Smarthost(world.env, tls=None)
    assert_defers(world.use(ALICE, relay.port, tls_level="secure"))
    relay.assert_nothing_sent()


@tap.promise
def wrong_host(world):
    "a relay that is not in hosts gets no token; the log names the host and the account"
    user = "host@example.com"
    world.account(user, hosts="smtp.example.com")
    relay = Smarthost(world.env)
    for mechanism in MECHANISMS:
        assert_defers(world.use(user, relay.port, mechanism),
                      f'host "localhost" is not in hosts of account "{user}"')
    relay.assert_nothing_sent()


@tap.promise
def not_allowed(world):
    "an account that does not allow the user postfix is denied to it, and mail is deferred"
    user = "private@example.com"
    world.account(user, allow="bin")
    relay = Smarthost(world.env)
    assert_defers(world.use(user, relay.port), "SASL authentication failure: no account that uid",
                  "user not found")
    relay.assert_nothing_sent()
    world.helper.wait_log("denied: uid")
    assert_defers(world.use("nobody@example.com", relay.port),
                  "SASL authentication failure: no account that uid", "user not found")


@tap.promise
def wrong_service(world):
    "an account for imap alone is not used for sending, and the log says why"
    user = "imap@example.com"
    world.account(user, services="imap")
    assert_defers(world.use(user), f'service "smtp" is not in services of account "{user}"')


@tap.promise
def wrong_secret(world):
    "W6: when the client secret has expired mail is deferred, and the log says what to do"
    user = "secret@example.com"
    world.account(user, expires_in=1)
    wait_out(1.1)
    world.oauth.always("token", Reply.error(
        "invalid_client", "AADSTS7000222: The provided client secret keys are expired.", 401))
    number = assert_defers(world.use(user), "AADSTS7000222", "has expired: create a new one")
    world.oauth.always("token", None)
    assert world.helper.request({"request": "refresh", "account": user})["status"] == "ok"
    assert_recovers(world.jail, number)


@tap.promise
def password(world):
    "a relay with a password goes on working with the documented mechanism filter"
    others = "!xoauth2, !oauthbearer, static:all"
    try:
        postfix = world.use("paul@example.com", mechanism=others, password="correct horse")
        assert_sends(world, postfix, "PLAIN")
        assert_defers(world.use("paul@example.com"), "user not found")
    finally:
        world.use(ALICE, password=None)


@tap.promise
def jail_without_socket(world):
    "a jail in which the socket was forgotten defers mail, and the log names the socket"
    postfix = world.use(ALICE, postfix=world.open, chroot=True)
    number = assert_defers(postfix, f"no token helper listens at {world.helper.socket}; ",
                           "for a program in a chroot give it a socket in there")
    postfix.configure(chroot=False)
    postfix.reload()
    assert_recovers(postfix, number)


@tap.promise
def helper_down(world):
    "while the helper is down mail is deferred, the log says so, and afterwards it goes out"
    for postfix in (world.jail, world.open):
        world.use(ALICE, postfix=postfix)
    world.helper.kill()
    numbers = [assert_defers(postfix, "cannot reach the token helper at",
                             "is sasl-bearerd running?") for postfix in (world.jail, world.open)]
    world.helper.start()
    for postfix, number in zip((world.jail, world.open), numbers):
        assert_recovers(postfix, number)


@tap.promise
def never_bounced(world):
    "in all of this not one message was bounced"
    for postfix in (world.jail, world.open):
        assert "status=sent" in postfix.log()
        assert "status=bounced" not in postfix.log() and "dsn=5" not in postfix.log()


@tap.promise
def no_secrets(world):
    "no token and no secret is in Postfix's log or in the helper's, though that is at debug"
    world.assert_no_secret(world.jail.log(), world.open.log(), world.helper.log())


tap.main(Mail, root=True, programs=["postfix", "sendmail", "dovecot", "openssl"], timeout=240)
