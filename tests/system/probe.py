#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""probe - a real login, shown step by step, and what went wrong"""

import json
import os
import re
import ssl
import sys
import time
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import wait_for
from scripted import Imap, Pop, Scripted, Smtp
from world import World

ALICE = "alice@example.com"
PORTS = {"imap": ("imaps", "imap"), "pop": ("pops", "pop"), "smtp": ("smtps", "smtp")}


class Mail(World):
    """A world in which `sasl-bearer probe` runs."""

    def __init__(self, env):
        super().__init__(env, certified=False)
        self.helper.start()
        self.account(ALICE)
        self.printed = ""

    def probe(self, service="imap", port=None, *options, user=ALICE, host="localhost", ca=None,
              plugin=True):
        """Run it; returns a Result."""
        server = ["--server", f"{host}:{port}"] if port else []
        done = self.helper.cli("probe", "--ca-file", ca or self.env.tls().ca, *server, *options,
                               user, service, plugin=plugin)
        self.printed += done.stdout + done.stderr
        return done


def fields(text):
    """{name: value} of what it prints, lines put together."""
    text = re.sub(r"\n {12}", " ", text)
    return dict((line[:12].rstrip(), line[12:]) for line in text.splitlines())


def refused(done, code, *words):
    """It failed with that code, and one line on standard error that has the words."""
    assert done.rc == code, done
    assert done.stderr.startswith("sasl-bearer: ") and done.stderr.count("\n") == 1, done
    for word in words:
        assert word in done.stderr, (word, done)
    assert "the login works" not in done.stdout, done


# ---- a login that works


@tap.promise
def every_way(world):
    "IMAP, POP and SMTP, TLS at once and by STARTTLS: server, TLS, mechanism and answer"
    for service, names in PORTS.items():
        for name in names:
            port, before = getattr(world.dovecot, name), len(world.dovecot.log())
            done = world.probe(service, port)
            assert done.rc == 0 and not done.stderr, done
            found = fields(done.stdout)
            assert found["account"] == f"{ALICE}, provider test", found
            assert found["server"] == f"localhost:{port}", found
            assert found["TLS"].startswith("TLSv1.3, certificate good until 20"), found
            assert found["plugin"] == "OAUTHBEARER XOAUTH2", found
            assert found["mechanism"] == "OAUTHBEARER", found
            assert found["result"] == "the login works", found
            assert "XOAUTH2" in found["offers"] and found["greeting"], found
            assert re.fullmatch(r"\d+ bytes, with the token", found["response"]), found
            log = world.dovecot.wait_log(f"user=<{ALICE}>, method=OAUTHBEARER", before)
            assert "TLS" in log, log


@tap.promise
def own_server(world):
    "without --server it is the server that account or provider name"
    world.define("named@example.com", imap_server=f"localhost:{world.dovecot.imaps}")
    world.account("named@example.com", imap_server=f"localhost:{world.dovecot.imaps}")
    done = world.probe(user="named@example.com")
    assert done.rc == 0, done
    assert fields(done.stdout)["server"] == f"localhost:{world.dovecot.imaps}", done
    refused(world.probe("pop", user="named@example.com"), 64, "--server")


@tap.promise
def changes_nothing(world):
    "no message is opened, marked or taken; to IMAP it is still as one that nobody has seen"
    world.dovecot.deliver(ALICE, "unread")
    before = world.dovecot.mailbox(ALICE)
    assert len(before) == 1 and before[0].startswith("new/"), before
    for service, names in PORTS.items():
        assert world.probe(service, getattr(world.dovecot, names[0])).rc == 0
        if service == "imap":
            assert world.dovecot.mailbox(ALICE) == before
    after = world.dovecot.mailbox(ALICE)    # a login by POP3 alone puts it into cur/
    assert [name.split(":2,")[1:] for name in after] in ([[]], [[""]]), after


@tap.promise
def json_object(world):
    "--json prints the same as one object, for a login that works and for one that does not"
    members = ["account", "user", "provider", "service", "server", "steps"]
    last = ["mechanisms", "mechanism", "result", "exit_status", "error", "meaning", "who", "remedy"]
    done = world.probe("smtp", world.dovecot.smtps, "--json")
    good = json.loads(done.stdout)
    assert done.rc == 0 and not done.stderr and list(good) == members + last, done
    assert [good[name] for name in members[:5]] == [
        ALICE, ALICE, "test", "smtp", f"localhost:{world.dovecot.smtps}"], good
    steps = {step["step"]: step["text"] for step in good["steps"] if len(step) == 2}
    assert list(steps)[:3] == ["TLS", "greeting", "offers"] and len(steps) == len(good["steps"]), good
    assert "XOAUTH2" in good["mechanisms"] and good["mechanism"] == steps["mechanism"], good
    assert (good["result"], good["exit_status"]) == ("ok", 0), good
    assert good["error"] is good["meaning"] is good["who"] is good["remedy"] is None, good
    done = world.probe("imap", Scripted(world.env, Imap, world.oauth, mechanisms="PLAIN").port,
                       "--json")
    bad = json.loads(done.stdout)
    assert set(bad) == set(good) and bad["mechanism"] is None, bad
    assert bad["result"] == "failed" and done.rc == bad["exit_status"] > 0, done
    assert done.stderr == f"sasl-bearer: {bad['error']}\n", done


@tap.promise
def json_meaning(world):
    "--json has what the server's words mean, and the remedy, in the place of people's lines"
    user = "refused@example.com"
    world.oauth.expire(world.account(user)["access_token"])
    done = world.probe("imap", world.dovecot.imaps, "--json", user=user)
    found = json.loads(done.stdout)
    assert found["meaning"] and found["who"] and user in found["remedy"], found
    assert "it means" not in done.stdout, done


@tap.promise
def xoauth2(world):
    "a server that offers XOAUTH2 alone gets that"
    server = Scripted(world.env, Imap, world.oauth, mechanisms="PLAIN XOAUTH2")
    world.probe("imap", server.port)
    server.wait_login(ALICE, "XOAUTH2")


@tap.promise
def no_initial_response(world):
    "an IMAP server without SASL-IR is sent the token when it asks for it"
    class Old(Imap):
        def say(self, *lines):
            super().say(*(line.replace(" SASL-IR", "") if isinstance(line, str) else line
                          for line in lines))
    server = Scripted(world.env, Old, world.oauth)
    world.probe("imap", server.port)
    server.wait_login(ALICE, "OAUTHBEARER")
    assert any(line.endswith("AUTHENTICATE OAUTHBEARER") for line in server.lines), server.lines


@tap.promise
def shared_mailbox(world):
    "the server is told sasl_user, where the account has one"
    world.account("owner@example.com", sasl_user="shared@example.com")
    server = Scripted(world.env, Smtp, world.oauth, any_user=True)
    world.probe("smtp", server.port, user="owner@example.com")
    server.wait_login("shared@example.com", "OAUTHBEARER")


@tap.promise
def useless_login(world):
    "a mailbox that cannot be opened after the login: what Exchange means by that"
    class Locked(Imap):
        def say(self, *lines):
            super().say(*(line.replace("BAD what?", "BAD User is authenticated but not connected.")
                          for line in lines))
    done = world.probe("imap", Scripted(world.env, Locked, world.oauth).port)
    refused(done, 77, "logs alice@example.com in", "EXAMINE INBOX", "not connected")
    assert "Set-CASMailbox" in fields(done.stdout)["remedy"], done


# ---- a login that is refused


@tap.promise
def challenge(world):
    "a token that the server rejects: challenge and answer, what they mean, the helper is told"
    user = "rejected@example.com"
    tokens = world.account(user)
    world.oauth.expire(tokens["access_token"])
    done = world.probe("imap", world.dovecot.imaps, user=user)
    refused(done, 77, "localhost does not let rejected@example.com in", "[AUTHENTICATIONFAILED]")
    found = fields(done.stdout)
    assert '"status":"invalid_token"' in found["challenge"], found
    assert found["answer"] == "[AUTHENTICATIONFAILED] Authentication failed.", found
    assert found["it means"] == "the server does not accept the token", found
    assert f"sasl-bearer refresh {user}" in found["remedy"], found
    wait_for(lambda: world.refreshes(user) == 1, what="the refresh")


# What Exchange Online says, without a challenge: service, words, exit code, the remedy.
VERDICTS = [
    (Smtp, "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
     "Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.", 77,
     f"Set-CASMailbox -Identity {ALICE} -SmtpClientAuthenticationDisabled $false"),
    (Smtp, "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
     "Mailbox.", 77, f"Set-CASMailbox -Identity {ALICE} -SmtpClientAuthenticationDisabled $false"),
    (Smtp, "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be "
     "authenticated successfully. Contact your administrator.", 77, "sign-in log"),
    (Smtp, "535 5.7.3 Authentication unsuccessful", 77, f"sasl-bearer setup exchange {ALICE}"),
    (Smtp, "535 5.7.143 token expired", 77, f"sasl-bearer refresh {ALICE}"),
    (Smtp, "550 5.7.240 application not in allow list", 77,
     f"Add-HVEAppAccess -Identity {ALICE} -AppIds test-client"),
    (Smtp, "454 4.7.0 Temporary authentication failure", 75, "wait"),
    (Smtp, "432 4.3.2 Concurrent connections limit exceeded", 75, "concurrency_limit"),
    (Imap, "NO AUTHENTICATE failed.", 77, "New-ServicePrincipal"),
    (Imap, "NO [UNAVAILABLE] try later", 75, "wait"),
    (Pop, "-ERR Authentication failure: unknown user name or bad password.", 77, "-PopEnabled"),
    (Pop, "-ERR [SYS/TEMP] try later", 75, "wait"),
    (Pop, "-ERR words that nobody has explained", 77, None),
]


@tap.promise
def direct_refusal(world):
    "W3: Exchange Online's refusals without a challenge: its words, what they mean, who must act"
    for session, verdict, code, remedy in VERDICTS:
        server = Scripted(world.env, session, verdict=verdict)
        done = world.probe(session.__name__.lower(), server.port)
        words = verdict.partition(" ")[2] if session is not Smtp else verdict
        refused(done, code, f'"{words}"')
        assert "challenge" not in fields(done.stdout), done
        if remedy:
            assert remedy in fields(done.stdout)["remedy"], done
            assert fields(done.stdout)["it means"] and fields(done.stdout)["who acts"], done
        else:
            assert "remedy" not in fields(done.stdout), done


@tap.promise
def many_lines(world):
    "a refusal in several lines is shown as a whole"
    class Google(Smtp):
        def say(self, *lines):
            for line in lines:
                more = "535-5.7.8 Username and Password not accepted. For more information, go to"
                super().say(*([more] if line == server.verdict else []), line)
    server = Scripted(world.env, Google, verdict="535 5.7.8  https://support.example.com/mail")
    done = world.probe("smtp", server.port)
    refused(done, 77, '"535 5.7.8 Username and Password not accepted. For more information, go to '
            '5.7.8 https://support.example.com/mail"')


@tap.promise
def no_token(world):
    "no token to be had: nothing is sent, and the reason is the helper's"
    world.account("gone@example.com", expires_in=1)
    world.oauth.revoke("gone@example.com")
    end = time.monotonic() + 1.1
    wait_for(lambda: time.monotonic() > end)
    server = Scripted(world.env, Imap, world.oauth)
    done = world.probe("imap", server.port, user="gone@example.com")
    refused(done, 69, 'run "sasl-bearer login gone@example.com"')
    assert not any("AUTHENTICATE" in line for line in server.lines), server.lines
    assert "answer" not in fields(done.stdout), done


@tap.promise
def no_mechanism(world):
    "a server without our mechanisms: what it offers instead"
    done = world.probe("pop", Scripted(world.env, Pop, mechanisms="PLAIN LOGIN").port)
    refused(done, 78, "localhost offers neither OAUTHBEARER nor XOAUTH2 for pop, but PLAIN LOGIN")


@tap.promise
def no_plugin(world):
    "without the plugin it says that libsasl2 does not find it"
    done = world.probe("imap", world.dovecot.imaps, plugin=False)
    refused(done, 78, "the plugin is not installed where libsasl2 looks")
    assert fields(done.stdout)["plugin"] == "not found", done


# ---- servers that are not what they should be


@tap.promise
def wrong_certificate(world):
    "a certificate of another authority, of another host, or that has expired: nothing is sent"
    tls = world.env.tls()
    for name, pair in (("expired", tls.expired()), ("mismatch", tls.wrong_host()),
                       ("self-signed", None)):
        server = Scripted(world.env, Imap, world.oauth)
        if pair:
            server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.context.load_cert_chain(*pair)
        ca = "/etc/ssl/certs/ca-certificates.crt" if not pair else None
        done = world.probe("imap", server.port, ca=ca)
        refused(done, 76, name if pair else "certificate", "nothing was sent")
        assert not server.lines, server.lines


@tap.promise
def system_store(world):
    "without --ca-file it is the system's CA store that counts, or what SSL_CERT_FILE names"
    words = ["probe", "--server", f"localhost:{world.dovecot.imaps}", ALICE, "imap"]
    refused(world.helper.cli(*words), 76, "certificate", "nothing was sent")
    done = world.helper.cli(*words, env={"SSL_CERT_FILE": world.env.tls().ca})
    assert done.rc == 0 and fields(done.stdout)["result"] == "the login works", done


@tap.promise
def old_tls(world):
    "TLS below 1.2 is refused, whatever the system's OpenSSL would do"
    server = Scripted(world.env, Imap, world.oauth)
    server.context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):
        server.context.minimum_version = ssl.TLSVersion.TLSv1
        server.context.maximum_version = ssl.TLSVersion.TLSv1_1
    conf = world.env.write("openssl.cnf", "openssl_conf = a\n[a]\nssl_conf = b\n"
                           "[b]\nsystem_default = c\n"
                           "[c]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n")
    done = world.helper.cli("probe", "--ca-file", world.env.tls().ca, "--server",
                            f"localhost:{server.port}", ALICE, "imap", env={"OPENSSL_CONF": conf})
    refused(done, 76, "cannot begin TLS with localhost")
    assert not server.lines, server.lines


@tap.promise
def no_starttls(world):
    "a server without STARTTLS gets nothing but the question what it has"
    server = Scripted(world.env, Smtp, world.oauth, tls=None)
    done = world.probe("smtp", server.port)
    refused(done, 76, "does not offer STARTTLS; nothing was sent in clear")
    assert [line.split()[0] for line in server.lines if line.isprintable()] == ["EHLO"], server.lines


@tap.promise
def injected(world):
    "what is said in clear behind the answer to STARTTLS does not count"
    class Injector(Smtp):
        def say(self, *lines):
            if lines == ("220 go on",):
                self.wfile.write(b"220 go on\r\n250-localhost\r\n250 AUTH INJECTED\r\n")
            else:
                super().say(*lines)
    server = Scripted(world.env, Injector, world.oauth, tls="starttls")
    done = world.probe("smtp", server.port)
    assert done.rc == 0 and "INJECTED" not in done.stdout, done
    server.wait_login(ALICE, "OAUTHBEARER")


@tap.promise
def preauth(world):
    "a server that takes us for logged in, in clear or not, is not believed"
    class Generous(Imap):
        def handle(self):
            self.say("* PREAUTH welcome")
            self.hear()
    refused(world.probe("imap", Scripted(world.env, Generous).port), 75, "PREAUTH welcome")
    refused(world.probe("imap", Scripted(world.env, Generous, tls=None).port), 75, "PREAUTH")


@tap.promise
def nonsense(world):
    "a server that hangs up, talks without end, asks again and again, or sends no base64"
    class Gone(Imap):
        def handle(self):
            self.say("* OK soon gone")

    class Endless(Imap):
        def handle(self):
            self.wfile.write(b"* OK " + b"x" * 70000 + b"\r\n")

    class Asking(Imap):
        def login(self, mechanism, response):
            for _ in range(20):
                self.say("+ " + "e30=")
                self.hear()
            return False

    class Garbled(Imap):
        def login(self, mechanism, response):
            self.say("+ %%%")
            self.hear()
            return False
    for session, code, words in ((Gone, 75, "closed"),
                                 (Endless, 76, "longer than 65536 bytes"),
                                 (Asking, 70, "the server goes on after the login was refused"),
                                 (Garbled, 76, "is not base64")):
        server = Scripted(world.env, session, verdict="NO")
        refused(world.probe("imap", server.port), code, words)


@tap.promise
def nobody(world):
    "a name that does not exist, a port where nobody listens"
    world.account("far@example.com", hosts="no.such.host.invalid localhost")
    done = world.probe("imap", 993, user="far@example.com", host="no.such.host.invalid")
    assert done.rc in (68, 75), done
    refused(done, done.rc, "no.such.host.invalid")
    port = world.env.port()
    refused(world.probe("imap", port), 75, f"cannot connect to localhost, port {port}: ",
            "onnection refused")


# ---- the command line


@tap.promise
def usage(world):
    "wrong words on the command line: one line that says what is right"
    helper = world.helper
    for words, code, reason in (
            ([ALICE], 64, "the service is missing"),
            ([ALICE, "nntp"], 64, "imap, pop or smtp"),
            (["nobody@example.com", "imap"], 77, "no account"),
            (["--server", "localhost:0", ALICE, "imap"], 64, "localhost:0"),
            (["--server", "elsewhere.example.com", ALICE, "imap"], 77, "elsewhere.example.com"),
            (["--ca-file", "/nonexistent", "--server", f"localhost:{world.dovecot.imaps}", ALICE,
              "imap"], 78, "/nonexistent")):
        done = helper.cli("probe", *words)
        refused(done, code, reason)


@tap.promise
def narrow(world):
    "no line is longer than the terminal is wide"
    done = world.helper.cli("probe", "--ca-file", world.env.tls().ca, "--server",
                            f"localhost:{world.dovecot.imaps}", ALICE, "imap",
                            env={"COLUMNS": "60"})
    assert done.rc == 0 and max(map(len, done.stdout.splitlines())) <= 60, done.stdout


@tap.promise
def no_secrets(world):
    "nothing that was printed has a token in it"
    world.assert_no_secret(world.printed, world.helper.log())


tap.main(Mail, root=True, programs=["dovecot", "openssl"], timeout=120)
