#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""smarthost - one Postfix with several accounts, and with several relays that want other things

Its configuration is what "sasl-bearer setup postfix" prints; see also postfix.py.
"""

import os
import re
import smtplib
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import wait_for
from mail import Dovecot, Postfix
from scripted import Lmtp, Smarthost
from setup import setup
from world import MECHANISMS, World

ALICE, BOB, PAUL = "alice@example.com", "bob@example.com", "paul@example.com"
SHARED = "shared@example.com"
PASSWORD = "correct horse"
OTHERS = "!xoauth2,!oauthbearer,static:all"     # the filter of relays that want a password
REFUSAL = "535 5.7.8 Authentication unsuccessful [ABC.EXAMPLE.COM]"
CHALLENGE = '{"status":"401","schemes":"bearer","scope":"mail"}'


class Relays(World):
    """A Dovecot with tokens and passwords, another one, and two Postfixes that send to them."""

    def __init__(self, env):
        super().__init__(env, certified=False, passwords={ALICE: PASSWORD, BOB: PASSWORD})
        self.office = Dovecot(env, self.oauth, sink=self.sink, passwords={PAUL: PASSWORD}).start()
        environment = {"SASL_BEARER_SOCKET": self.helper.socket}
        how = {"environment": environment, "smtpd": True}
        self.jail = Postfix(env, self.dovecot.smtp, ALICE, **how)
        self.open = Postfix(env, self.dovecot.smtp, ALICE, chroot=False, **how)
        self.both = self.jail, self.open
        self.helper.listen.append(self.jail.jailed(self.helper.socket))
        self.helper.start()
        for user in (ALICE, BOB):
            self.account(user, allow="postfix")
        for postfix in self.both:
            postfix.start()

    def setup(self, postfix, user=ALICE, port=None, senders=False, mechanism=None):
        """What setup prints: {path: text}."""
        return setup(self.helper, "postfix", user, *["--sender-dependent"] * senders,
                     *["--mechanism", mechanism] * bool(mechanism), "--ca-file", self.env.tls().ca,
                     "--server", f"localhost:{port or self.dovecot.smtp}",
                     env={"MAIL_CONFIG": postfix.config_dir})

    def printed(self, postfix, users=(ALICE,), **how):
        """The same for several users, put together as an administrator does: {name: text}."""
        together = {}
        for user in users:
            for path, text in self.setup(postfix, user, **how).items():
                where, name = os.path.split(path)
                known = together.get(name, "")
                if name == "main.cf":           # it is the same for all
                    assert text == known or not known, (known, text)
                    together[name] = text
                elif where == postfix.config_dir:
                    new = [line for line in text.splitlines(True) if line not in known]
                    together[name] = known + "".join(new)
        return together

    def use(self, postfix, settings=None, services="", more=None, **how):
        """Let a Postfix have that configuration, and nothing in its queue.

        settings  of main.cf, besides those that are printed; services: of master.cf
        more      {file: text} to be added
        """
        assert postfix.command("postsuper", "-d", "ALL").rc == 0
        files = self.printed(postfix, **how)
        for name, text in (more or {}).items():
            files[name] = files.get(name, "") + text
        postfix.configure(files=files, settings=settings or {}, services=services)
        postfix.reload()
        return postfix


def assert_sends(world, postfix, login, mechanism, dovecot=None, sender=None, to="x@example.net"):
    """A message arrives, and this login was what let it in; the envelope is as it was."""
    dovecot = dovecot or world.dovecot
    before, log = len(world.sink.messages), len(dovecot.log())
    status, reason = postfix.send(sender=sender or login, to=to)
    assert status == "sent", reason
    message = world.sink.wait(before + 1)[-1]
    assert (message.sender, message.recipients) == (sender or login, [to]), message
    dovecot.wait_login(login, mechanism, log)


def relayed(dovecot, since):
    """Who logged in to Dovecot, and the envelope sender, for each message."""
    return re.findall(r"submission\((.*?)\).*relayed message: from=<(.*?)>",
                      dovecot.log()[since:])


def assert_fate(postfix, status, dsn, *words, **message):
    """What becomes of a message, and the words of the log."""
    before = len(postfix.log())
    found, reason = postfix.send(**message)
    assert found == status and re.match(dsn, reason), (found, reason)
    for word in words:
        assert word in postfix.log()[before:], (word, postfix.log()[before:])


@tap.promise
def printed(world):
    "what setup prints sends mail by OAuth, in a chroot and without one"
    for postfix in world.both:
        for mechanism in MECHANISMS:
            world.use(postfix, mechanism=mechanism)
            assert_sends(world, postfix, ALICE, mechanism)


@tap.promise
def commands(world):
    "the commands it prints say what this Postfix has and lacks, and a shell runs them"
    for postfix, wanted in ((world.jail, "In a chroot, by master.cf: smtp, relay. The"),
                            (world.open, "Not in a chroot, by master.cf: smtp, relay. Good")):
        printed = world.setup(postfix)["run"]
        words = " ".join(printed.replace("\n# ", " ").split())
        assert wanted in words and "NOT" not in words, printed
        assert 'The account allows user "postfix": good' in words, printed
        done = world.env.run(["sh", "-ec", printed])
        assert done.rc == 0, done
    socket = world.jail.queue_dir + world.helper.socket
    os.rename(socket, socket + "-away")
    try:
        printed = world.setup(world.jail)["run"]
    finally:
        os.rename(socket + "-away", socket)
    assert "is NOT in" in printed and world.jail.queue_dir in printed, printed


@tap.promise
def by_sender(world):
    "with several accounts the envelope sender picks the mailbox, also for messages side by side"
    for postfix in world.both:
        world.use(postfix, users=(ALICE, BOB), senders=True)
        for user in (ALICE, BOB, ALICE):
            assert_sends(world, postfix, user, "XOAUTH2|OAUTHBEARER")
        before, sent = len(world.sink.messages), [ALICE, BOB] * 5
        log = len(world.dovecot.log())
        for user in sent:
            postfix.mail(sender=user)
        world.sink.wait(before + len(sent))
        wait_for(lambda: len(relayed(world.dovecot, log)) == len(sent), what="Dovecot's log")
        assert sorted(relayed(world.dovecot, log)) == sorted(zip(sent, sent))


@tap.promise
def no_account(world):
    "a sender without an account gets no other's token"
    for postfix in world.both:
        world.use(postfix, users=(ALICE,), senders=True,
                  settings={"relayhost": f"[localhost]:{world.dovecot.smtp}"})
        log = len(world.dovecot.log())
        assert postfix.send(sender=BOB)[0] != "sent"
        assert "Login: user" not in world.dovecot.log()[log:], world.dovecot.log()[log:]


def submit(postfix, sender, login=None):
    """Send as a mail program does, over SMTP; returns the code that the sender got."""
    with smtplib.SMTP("127.0.0.1", postfix.smtpd, timeout=20) as client:
        if login:
            client.login(login, PASSWORD)
        code, words = client.mail(sender)
        if code == 250:         # this restriction is looked at late
            code, words = client.rcpt("x@example.net")
        return code, words.decode()


@tap.promise
def submission(world):
    "who is logged in as one cannot send as another, and who is not logged in as none of them"
    settings = {"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot",
                "smtpd_sasl_path": world.dovecot.dir + "/run/auth-client",
                "smtpd_relay_restrictions": "permit_mynetworks, reject"}
    postfix = world.use(world.jail, users=(ALICE, BOB), senders=True, settings=settings)
    assert submit(postfix, ALICE, ALICE)[0] == 250
    assert submit(postfix, BOB, BOB)[0] == 250
    for sender, login in ((BOB, ALICE), (ALICE, BOB), (BOB, None), ("carol@example.com", ALICE)):
        code, words = submit(postfix, sender, login)
        assert code == 553 and sender in words, (sender, login, code, words)


@tap.promise
def local_users(world):
    "a local user sends as those addresses only that login_sender gives to it"
    tap.need(world.env.can_mount(), "leave to mount")
    postfix = world.use(world.open, users=(ALICE, BOB), senders=True,
                        more={"login_sender": f"games {ALICE}\n"})

    def send(sender, uid):
        return world.env.run(
            ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/postfix && exec setpriv --reuid '
             f'{uid} --regid {uid} --clear-groups sendmail -f {sender} x@example.net',
             postfix.config_dir], input="Subject: test\n\ntest\n")
    before, log = len(world.sink.messages), len(world.dovecot.log())
    done = send(ALICE, "games")
    assert done.rc == 0, done
    assert world.sink.wait(before + 1)[-1].sender == ALICE
    world.dovecot.wait_login(ALICE, "", log)
    for sender, uid in ((BOB, "games"), (ALICE, "bin")):
        done = send(sender, uid)
        assert done.rc != 0 and sender in done.stderr, done
    assert len(world.sink.messages) == before + 1


@tap.promise
def passwords_beside(world):
    "a transport for a relay with a password, and OAuth beside it: both deliver, by their own"
    services = f"""\
office unix - - {{chroot}} - - smtp
  -o smtp_sasl_mechanism_filter={OTHERS}
"""
    for postfix in world.both:
        office = f"[localhost]:{world.office.smtp}"
        world.use(postfix, services=services,
                  settings={"transport_maps": f"texthash:{postfix.config_dir}/transport"},
                  more={"transport": f"example.org office:{office}\n",
                        "sasl_passwd": f"{office} {PAUL}:{PASSWORD}\n"})
        for _ in range(2):
            assert_sends(world, postfix, ALICE, "XOAUTH2|OAUTHBEARER")
            assert_sends(world, postfix, PAUL, "PLAIN", world.office, to="x@example.org")
    assert PAUL not in world.dovecot.log() and ALICE not in world.office.log()


@tap.promise
def oauth_beside(world):
    "the same the other way round: OAuth in a transport of its own, a password by default"
    for postfix in world.both:
        office = f"[localhost]:{world.office.smtp}"
        printed = re.search(r"^smtp_sasl_mechanism_filter = (.*)$",
                            world.printed(postfix)["main.cf"], re.M).group(1)
        services = f"""\
oauth unix - - {{chroot}} - - smtp
  -o smtp_sasl_mechanism_filter={printed.replace(' ', '')}
"""
        world.use(postfix, services=services, settings={
            "transport_maps": f"texthash:{postfix.config_dir}/transport", "relayhost": office,
            "smtp_sasl_mechanism_filter": OTHERS},
            more={"transport": f"example.org oauth:[localhost]:{world.dovecot.smtp}\n",
                  "sasl_passwd": f"{office} {PAUL}:{PASSWORD}\n"})
        for _ in range(2):
            assert_sends(world, postfix, PAUL, "PLAIN", world.office)
            assert_sends(world, postfix, ALICE, "XOAUTH2|OAUTHBEARER", to="x@example.org")
    assert PAUL not in world.dovecot.log() and ALICE not in world.office.log()


@tap.promise
def not_taken_over(world):
    "without that filter the relay with a password is asked for OAuth, and neither secret is sent"
    postfix, office = world.jail, Smarthost(world.env, mechanisms="PLAIN XOAUTH2 OAUTHBEARER")
    world.use(postfix, services="office unix - - {chroot} - - smtp\n",
              settings={"transport_maps": f"texthash:{postfix.config_dir}/transport"},
              more={"transport": f"example.org office:[localhost]:{office.port}\n",
                    "sasl_passwd": f"[localhost]:{office.port} {PAUL}:{PASSWORD}\n"})
    assert_fate(postfix, "deferred", "4.7.0", "no account that uid", to="x@example.org")
    office.assert_nothing_sent()


@tap.promise
def soft_bounce(world):
    "a server that refuses: deferred, with soft_bounce = no bounced, in its words, both ways"
    for challenge in (None, CHALLENGE):
        relay = Smarthost(world.env, REFUSAL, challenge=challenge)
        for soft, status, dsn in (("yes", "deferred", "4.7.8"), ("no", "bounced", "5.7.8")):
            world.use(world.jail, port=relay.port,
                      settings={"smtp_sasl_auth_soft_bounce": soft, "notify_classes": ""})
            before = len(relay.logins())
            assert_fate(world.jail, status, dsn, REFUSAL)
            assert len(relay.logins()) > before


@tap.promise
def never_bounced(world):
    "what fails on our side is deferred, also with smtp_sasl_auth_soft_bounce = no"
    user = "revoked@example.com"
    world.account(user, allow="postfix", expires_in=1)
    world.oauth.revoke(user)
    wait_for(lambda: world.helper.token(user, service="smtp")["status"] == "login_required")
    world.account("private@example.com", allow="bin")
    for who, words in ((user, f"sasl-bearer login {user}"), ("private@example.com", "no account")):
        world.use(world.jail, users=(who,), settings={"smtp_sasl_auth_soft_bounce": "no"})
        assert_fate(world.jail, "deferred", "4.7.0", words)


@tap.promise
def wrong_certificate(world):
    "a relay with the certificate of another host, or of nobody, gets no token"
    for pair in (world.env.tls().wrong_host(), world.env.tls().expired()):
        relay = Smarthost(world.env)
        relay.context.load_cert_chain(*pair)
        for mechanism in MECHANISMS:
            world.use(world.jail, port=relay.port, mechanism=mechanism)
            assert_fate(world.jail, "deferred", "4.7.5")
        assert relay.lines.count("STARTTLS") >= 2, relay.lines
        relay.assert_nothing_sent()
        # without "secure" it would have had it
        world.use(world.jail, port=relay.port, settings={"smtp_tls_security_level": "encrypt"})
        assert world.jail.send()[0] == "sent"
        assert relay.logins()


@tap.promise
def shared_by_account(world):
    "sasl_user in the account's file sends from a shared mailbox, with the token of its user"
    world.account("team@example.com", allow="postfix", sasl_user=SHARED)
    relay = Smarthost(world.env)
    token = world.helper.token("team@example.com", service="smtp")["token"]
    for postfix in world.both:
        world.use(postfix, users=("team@example.com",), port=relay.port)
        assert postfix.send()[0] == "sent"
        sent = relay.responses()[-1]
        assert SHARED.encode() in sent and b"team@" not in sent, sent
        assert sent.endswith(f"auth=Bearer {token}\1\1".encode()), sent


@tap.promise
def shared_by_authzid(world):
    "with send_cyrus_sasl_authzid = yes the login is for the mailbox of the user"
    for postfix, mechanism in zip(world.both, MECHANISMS):
        world.use(postfix, mechanism=mechanism, settings={"send_cyrus_sasl_authzid": "yes"})
        assert_sends(world, postfix, ALICE, mechanism)


@tap.promise
def lmtp(world):
    "lmtp(8) delivers by OAuth with the same settings under its own names"
    for postfix, mechanism in zip(world.both, MECHANISMS):
        relay = Smarthost(world.env, session=Lmtp, mechanisms=mechanism)
        names = dict(re.findall(r"^smtp(_(?:sasl|tls)_\w+) = (.*)$",
                                world.printed(postfix)["main.cf"], re.M))
        world.use(postfix, services="lmtp unix - - {chroot} - - lmtp\n",
                  settings={"transport_maps": f"texthash:{postfix.config_dir}/transport",
                            "lmtp_host_lookup": "native",
                            **{"lmtp" + name: value for name, value in names.items()}},
                  more={"transport": f"example.org lmtp:inet:localhost:{relay.port}\n",
                        "sasl_passwd": f"localhost {ALICE}\n"})
        assert postfix.send(to="x@example.org")[0] == "sent"
        assert len(relay.logins()) == 1 and relay.logins()[0].startswith(f"AUTH {mechanism}")
        token = world.helper.token(service="smtp")["token"]
        assert relay.responses()[-1].endswith(f"auth=Bearer {token}\1\1".encode())


@tap.promise
def command_limit(world):
    "a token on either side of what fits into the AUTH command arrives whole"
    relay = Smarthost(world.env)
    try:
        for size in (300, 310, 320, 330, 340, 400):
            world.oauth.token_size = size
            world.account(f"size-{size}@example.com", allow="postfix")
            token = world.helper.token(f"size-{size}@example.com", service="smtp")["token"]
            assert len(token) == size
            world.use(world.jail, users=(f"size-{size}@example.com",), port=relay.port)
            assert world.jail.send()[0] == "sent"
            assert relay.responses()[-1].endswith(b"auth=Bearer " + token.encode() + b"\1\1")
    finally:
        world.oauth.token_size = 1500
    assert {len(line.split()) for line in relay.logins()} == {2, 3}, "both forms are needed"


@tap.promise
def no_secrets(world):
    "no token and no secret is in Postfix's log or in the helper's, though that is at debug"
    world.assert_no_secret(world.jail.log(), world.open.log(), world.helper.log())


tap.main(Relays, root=True, programs=["postfix", "sendmail", "dovecot", "openssl"], timeout=240)
