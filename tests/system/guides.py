#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""guides - the commands of the documentation, as they are printed, on machines of their own

What is run, and what is not, is told by the comment before each block: see blocks.py.  A
guide's last commands show that it works, and the test looks at what arrived.
"""

import collections
import contextlib
import json
import os
import re
import smtplib
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import blocks
import keys
import tap
from assertions import Application, ServiceAccount
from machine import makefile
from office import ALICE, Internet, Office, enter_private_network

RELAY, CLIENT = "relay@contoso.com", "01234567-89ab-cdef-0123-456789abcdef"
SERVER = "192.0.2.1"        # the relay's address in the network of the devices
# what a reader puts in the place of these words; and what only takes longer
WORDS = {"CLIENT_ID_HERE": CLIENT, "CLIENT_ID": CLIENT, " FILE ": " google.secret ",
         "sleep 3": "sleep 0.5", "rsa:3072": "rsa:2048"}
# each user has one terminal: what a block leaves of it is there for the next one
BEGIN, END = "test ! -e ~/.left || . ~/.left\n", "\necho \"cd '$PWD'; umask $(umask)\" >~/.left\n"
TYPED = "a secret & more+than=that%41\n"     # what a reader types where a command asks


class World:
    """The internet, and a machine for each guide."""

    def __init__(self, env):
        self.env = env
        self.made = self.relay = self.mailbox = self.desktop = self.application = None

    @property
    def internet(self):
        if not self.made:
            enter_private_network()
            self.made = Internet(self.env)
        return self.made

    @property
    def oauth(self):
        return self.internet.oauth

    def tell(self, name, machine=None, after=()):
        """Do what a story's blocks say; returns its machine.

        after   [(regular expression, function of the machine)]: what is done elsewhere,
                once a block has run that has it
        """
        self.internet               # servers first
        machine, said = machine or Office(self.env), ""
        for block in blocks.story(name):
            text = block.text
            for word, value in WORDS.items():
                text = text.replace(word, value)
            start = time.monotonic()
            if block.kind == "run":
                user = block.detail
                said = machine.shell(BEGIN + text + END, user, input=TYPED)
            elif block.kind == "file":
                where, path = ">>" * block.detail.startswith(">>") or ">", block.detail.lstrip(">")
                machine.shell(BEGIN + f'mkdir -p "$(dirname {path})"\ncat {where}{path}',
                              input=text)
            elif block.kind == "output":
                said = machine.shell(f"cat {block.detail}", user) if block.detail else said
                assert like(block.text, said), (block, said)
            for pattern, act in after:
                if re.search(pattern, block.text):
                    act(machine)
            tap.note(f"{block.where}: {block.kind}, {time.monotonic() - start:.1f} s")
        return machine


def like(shown, said):
    """Whether every line that is shown is in what was said, ... being anything."""
    lines = [re.sub(r"\s+", " ", line.strip()) for line in said.splitlines()]
    for line in filter(None, map(str.strip, shown.splitlines())):
        pattern = r".*".join(re.escape(part) for part in re.sub(r"\s+", " ", line).split("..."))
        if not any(re.fullmatch(pattern, other) for other in lines):
            return False
    return True


class Found:
    """The message that delivered() found; its attributes are those of sink.Message."""

    def __init__(self):
        self.message = None

    def __getattr__(self, name):
        return getattr(self.message, name)


@contextlib.contextmanager
def delivered(world, sent=True, sender=RELAY, recipient="bob@example.net"):
    """Meanwhile a message arrives, by a login as `sender`; or none does."""
    sink, dovecot, found = world.internet.sink, world.internet.dovecot, Found()
    before, log = len(sink.messages), len(dovecot.log())
    yield found
    if sent:
        found.message = sink.wait(before + 1)[-1]
        assert (found.sender, found.recipients) == (sender, [recipient]), found.message
        dovecot.wait_login(sender, "(XOAUTH2|OAUTHBEARER)", log)
    assert len(sink.messages) == before + sent, sink.messages[before:]


@tap.promise
def all_are_marked():
    "every block of the documentation says whether a test runs it, and if not, why"
    everything = blocks.every()
    unmarked = [block.where for block in everything if block.kind is None]
    unmarked += [place for path in blocks.MARKDOWN for place in blocks.indented(path)]
    assert not unmarked, unmarked
    count = collections.Counter(block.kind for block in everything)
    tap.note("blocks: " + ", ".join(f"{kind} {number}" for kind, number in count.most_common()))
    for block in everything:
        if block.kind == "not run here":
            assert block.detail, block
        elif block.kind in ("run", "file", "output"):
            assert block.stories and set(block.stories) <= set(STORIES), block


@tap.promise
def readme(world):
    "README: a person's sign-in in a browser, and a relay with a secret that delivers a message"
    world.oauth.clients, world.oauth.app_user = {CLIENT: None}, RELAY
    machine = Office(world.env)

    def secret(_machine):
        world.oauth.clients = {CLIENT: TYPED.strip()}
    with delivered(world) as message:
        world.tell("readme", machine, [("relay.secret", secret)])
    assert message.data.endswith("hello\r\n"), message
    assert "alice@contoso.com" in machine.shell("sasl-bearer list", ALICE)


def relay_of(world):
    """The machine on which SMARTHOST was followed, with an application; made once."""
    if not world.relay:
        application = world.application = Application()
        world.oauth.clients, world.oauth.app_user = {CLIENT: application}, RELAY

        def upload(machine):
            application.register(copy(world, machine, "/etc/sasl-bearer/relay.crt"))
        with delivered(world) as message:
            relay = world.tell("smarthost", Office(world.env, listens=True),
                               after=[("openssl req", upload)])
        assert "Sent by OAuth." in message.data, message
        world.relay = relay
    world.oauth.clients = {CLIENT: world.application}
    return world.relay


@tap.promise
def smarthost(world):
    "SMARTHOST: an application with a certificate, from nothing to a message that is delivered"
    said = relay_of(world).shell("sasl-bearer list")
    assert "fresh" in said, said


@tap.promise
def printers(world):
    "PRINTERS: a device sends as anything, by its address or a password, and strangers do not"
    tap.require("saslpasswd2", "curl", "ip")
    machine = relay_of(world)
    with delivered(world) as message:
        world.tell("printers", machine)
    assert f"From: {RELAY}\r\n" in message.data and "scanned" in message.data, message
    for address, password, sent in (("192.0.2.10", None, True), ("198.51.100.7", None, False),
                                    ("198.51.100.7", TYPED.strip(), True),
                                    ("198.51.100.7", "another", False)):
        with delivered(world, sent) as message:
            refusal = device(world, address, password)
            assert (not refusal) == sent, (address, password, refusal, machine.log())
        assert not sent or f"From: {RELAY}\r\n" in message.data, message


def device(world, address, password):
    """A device with that address sends a message; returns the refusal, if there is one."""
    for own in (address, SERVER):
        world.env.run(["ip", "address", "add", f"{own}/32", "dev", "lo"])
    try:
        with smtplib.SMTP(SERVER, 25, "device", 20, (address, 0)) as client:
            if password:
                client.login("copier@relay.contoso.com", password)
            client.sendmail("x@y.example", ["bob@example.net"], "From: x@y.example\r\n\r\nx\r\n")
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPAuthenticationError) as e:
        return e
    return None


@tap.promise
def exchange(world):
    "EXCHANGE: a certificate is made and renewed while the relay uses it, and persons sign in"
    relay, application = relay_of(world), world.application

    def upload(machine):
        first = copy(world, machine, "/etc/sasl-bearer/relay.crt")
        block, = (b.text for b in blocks.story("exchange") if "openssl req" in b.text)
        machine.shell(block.replace("relay", "relay2"))
        application.register(first, copy(world, machine, "/etc/sasl-bearer/relay2.crt"))

    def delete(machine):
        application.register(copy(world, machine, "/etc/sasl-bearer/relay2.crt"))
        machine.shell(f"sasl-bearer refresh {RELAY}")
    world.tell("exchange", relay, [("openssl req", upload), ("relay2.pem", delete)])
    listed = relay.shell("sasl-bearer list", ALICE)
    assert "alice@contoso.com" in listed and "info@contoso.com" in listed, listed


def mailbox_of(world):
    """The machine on which SMARTHOST was followed, with a sign-in; made once."""
    if not world.mailbox:
        world.oauth.clients, world.internet.person = {CLIENT: None}, RELAY
        with delivered(world) as message:
            mailbox = world.tell("delegated")
        assert "Sent by OAuth." in message.data, message
        world.mailbox = mailbox
    world.oauth.clients = {CLIENT: None}
    return world.mailbox


@tap.promise
def delegated(world):
    "SMARTHOST: a mailbox that signs in with a code, and signs in again"
    state = machine_file(mailbox_of(world), f"/var/lib/sasl-bearer/{RELAY}")
    assert world.oauth.newest_refresh_token(RELAY) in state


@tap.promise
def clone(world):
    "HIGH-AVAILABILITY: a clone forgets the sign-in that it was born with, and has one of its own"
    mailbox = mailbox_of(world)
    before = world.oauth.newest_refresh_token(RELAY)
    mailbox.shell("umask 077 && mkdir -p ~/.local/state/sasl-bearer && "
                  f"echo {before} >~/.local/state/sasl-bearer/work", ALICE)
    world.tell("clone", mailbox)
    assert not mailbox.shell("ls -A ~/.local/state/sasl-bearer", ALICE)
    assert world.oauth.newest_refresh_token(RELAY) != before
    state = machine_file(mailbox, f"/var/lib/sasl-bearer/{RELAY}")
    assert before not in state and world.oauth.newest_refresh_token(RELAY) in state


@tap.promise
def troubleshooting(world):
    "TROUBLESHOOTING: the commands that look for a fault find none where there is none"
    machine = relay_of(world)
    world.tell("trouble", machine)
    said = machine.shell(BEGIN + "cat report.txt")
    assert ", 0 failed," in said and "relay@" not in said, said


def desktop_of(world):
    """The machine of those who read mail, made once."""
    tap.require("mbsync", "mutt", "msmtp", "curl")
    if not world.desktop:
        world.desktop = Office(world.env)
    # what is sent has the token in the line of AUTH, where Dovecot 2.3 takes 1 kB
    world.oauth.token_size = 400
    return world.desktop


def person(world, name, *users, secret=None, sent=1):
    """A story in which mail is fetched for all of these users, and sent by the first."""
    world.oauth.clients = {CLIENT: secret}
    machine = desktop_of(world)
    for user in users:
        world.internet.dovecot.deliver(user, f"to {user}")
    with contextlib.ExitStack() as stack:
        if sent:
            stack.enter_context(delivered(world, sent, users[0]))
        world.tell(name, machine)
    for user in users:
        found = machine.shell(f"cat ~/Mail/{user}/INBOX/new/*", ALICE)
        assert f"Subject: to {user}\n" in found, found


@tap.promise
def desktop(world):
    "DESKTOP: mbsync fetches, mutt and a script send, and a shared mailbox comes, too"
    person(world, "desktop", "alice@contoso.com", "info@contoso.com", sent=2)


@tap.promise
def gmail(world):
    "GOOGLE, GMAIL: a person signs in with a desktop client and its secret, and mail is fetched"
    world.oauth.clients = {CLIENT: TYPED.strip()}
    machine = desktop_of(world)
    machine.shell("umask 077 && cat >google.secret", ALICE, TYPED)
    world.tell("google", machine)
    machine.shell("sasl-bearer logout alice@gmail.com\n"
                  "rm ~/.config/sasl-bearer/accounts.d/alice@gmail.com* google.secret", ALICE)
    person(world, "gmail", "alice@gmail.com", secret=TYPED.strip(), sent=0)


@tap.promise
def outlook(world):
    "OUTLOOK-COM: a personal account signs in, fetches and sends"
    person(world, "outlook", "alice@outlook.com")


@tap.promise
def workspace(world):
    "GOOGLE, GMAIL: a service account serves the mailboxes of a domain, and Postfix sends as one"
    file = keys.service_account(keys.make_key(world.env.path("google.key")),
                                world.env.path("key.json"))
    world.oauth.service_accounts = [
        ServiceAccount(file, "example.com", ["https://mail.google.com/"])]
    machine = Office(world.env)
    machine.shell("cat >key.json", input=blocks.read(file))
    said = world.tell("archive", machine).shell("sasl-bearer list")
    assert "archive" in said, said
    machine.shell("rm /etc/sasl-bearer/accounts.d/archive.conf")
    with delivered(world, sender="relay@example.com"):
        world.tell("workspace", machine)


@tap.promise
def clouds(world):
    "NATIONAL-CLOUDS: a person signs in at another cloud, and its mail server lets the person in"
    world.oauth.clients = {CLIENT: None}
    world.tell("clouds", desktop_of(world))
    asked = [request.path for request in world.oauth.seen("token")][-1]
    assert asked == "/contoso.cn/oauth2/v2.0/token", asked


@tap.promise
def monitoring(world):
    "MONITORING: check and metrics say that a sign-in is missing, the journal who was denied"
    machine = Office(world.env)

    def pry(machine):
        reply = machine.ask(makefile("bearer_rundir") + "/socket", machine.uid(ALICE),
                            request="token", user=RELAY, service="smtp")
        assert reply["status"] == "denied", reply
    world.tell("monitoring", machine, [("metrics.timer", pry)])
    for what in ("check", "metrics"):
        assert machine.systemctl("is-active", f"sasl-bearer-{what}.timer").rc == 0, what
    found = machine.shell("journalctl --sync; journalctl SASL_BEARER_EVENT=denied")
    assert f"denied: uid {machine.uid(ALICE)} " in found, found + machine.log()


def machine_file(machine, path):
    """What a file of the machine has in it."""
    return blocks.read(machine.path(path))


def copy(world, machine, path):
    """A file of the machine, where programs outside of it can read it."""
    return world.env.write(world.env.name("copy"), machine_file(machine, path))


# a machine as the README of sasl-xoauth2 wants it
PEER = """postconf -e 'relayhost = [smtp.office365.com]:587' smtp_sasl_auth_enable=yes \\
    smtp_sasl_password_maps=hash:/etc/postfix/sasl_passwd smtp_sasl_security_options= \\
    smtp_sasl_mechanism_filter=xoauth2 smtp_tls_security_level=encrypt \\
    smtp_tls_CAfile=/etc/ssl/certs/ca-certificates.crt
cd /etc/postfix
echo '[smtp.office365.com]:587 {relay}:/etc/tokens/{relay}' >sasl_passwd
postmap sasl_passwd
install -d -o postfix /var/spool/postfix/etc/tokens
cat >/var/spool/postfix/etc/tokens/{relay}
chown postfix /var/spool/postfix/etc/tokens/{relay}
chmod 600 /var/spool/postfix/etc/tokens/{relay}
cat >/etc/sasl-xoauth2.conf <<'END'
{{"client_id": "{client}", "client_secret": "{secret}",
  "token_endpoint": "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token"}}
END
"""


@tap.promise
def migration(world):
    "MIGRATION: a relay of sasl-xoauth2 goes on, with its sasl_passwd as it was, and can go back"
    secret = "its secret"
    world.oauth.clients = {CLIENT: secret}
    tokens = world.oauth.issue(RELAY, client_id=CLIENT)
    machine = Office(world.env)
    machine.shell(PEER.format(relay=RELAY, client=CLIENT, secret=secret), input=json.dumps(
        {"access_token": "x", "expiry": "0", "refresh_token": tokens["refresh_token"]}))
    look = "cat /etc/postfix/sasl_passwd /etc/sasl-xoauth2.conf /var/spool/postfix/etc/tokens/*"
    before = machine.shell(look)
    with delivered(world) as message:
        world.tell("migration", machine)
    assert "Sent by OAuth." in message.data and machine.shell(look) == before, message
    world.tell("migration-back", machine)
    assert RELAY not in machine.shell("sasl-bearer list"), machine.log()


STORIES = {"readme", "smarthost", "printers", "exchange", "delegated", "clone", "trouble",
           "monitoring", "desktop", "google", "gmail", "outlook", "archive", "workspace",
           "clouds", "migration", "migration-back"}

tap.main(World, timeout=300)
