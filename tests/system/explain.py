#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""explain - what an error means, who must act, and what to do"""

import base64
import json
import os
import pty
import re
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import SRCDIR, built, environment, wait_for
from helper import Helper
from oauthd import OAuthServer, Reply

TENANT_OFF = ("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for "
              "the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.")


def explain(env, *words, input="", **environ):
    """Run it; returns a Result."""
    return env.run([built("sasl-bearer"), "explain", *words], input=input, env=environ)


def fields(text):
    """[{name: value}] of what it prints, lines put together."""
    text = re.sub(r"\n {12}", " ", text)
    return [dict((line[:12].rstrip(), line[12:]) for line in block.splitlines())
            for block in text.split("\n\n")]


def about(done):
    """What it found."""
    assert done.rc == 0 and not done.stderr, done
    return [found["about"] for found in fields(done.stdout)]


# ---- what goes in


@tap.promise
def says(env):
    "a number of Microsoft's: what it means, who must act, what to do"
    done = explain(env, "AADSTS50173")
    [found] = fields(done.stdout)
    assert done.rc == 0 and not done.stderr, done
    assert list(found) == ["about", "it means", "who acts", "remedy"], found
    assert "STSRefreshTokensValidFrom" in found["it means"] and found["who acts"] == "you", found
    assert found["remedy"] == 'run "sasl-bearer login ACCOUNT"', found


@tap.promise
def forms(env):
    "a number alone or in a line, a code of a mail server, a reply, a word, one or more operands"
    for words, titles in (
            (["50173"], ["AADSTS50173"]),
            (["50173", "65001"], ["AADSTS50173", "AADSTS65001"]),
            (["invalid_grant:", "AADSTS700082:", "The", "token"], ["AADSTS700082"]),
            (["5.7.240"], ["5.7.240"]),
            ([TENANT_OFF], ["SmtpClientAuthentication is disabled ... Tenant"]),
            (["--", "-ERR Authentication failure: unknown user name or bad password."],
             ["Authentication failure: unknown user name or bad password"]),
            (["-ERR Authentication failure: unknown user name or bad password."],
             ["Authentication failure: unknown user name or bad password"]),
            (["invalid_grant"], ["invalid_grant"]),
            (["one line\nAADSTS50173\n5.7.143"], ["AADSTS50173", "5.7.143"])):
        assert about(explain(env, *words)) == titles, words


@tap.promise
def standard_input(env):
    "lines of a log from the standard input, each finding once, in their order"
    log = f"{TENANT_OFF}\nNov 20 mx postfix/smtp[50173]: nothing\n" \
          f"AADSTS50173 and AADSTS53003\n{TENANT_OFF}\nAADSTS53003\n"
    wanted = ["SmtpClientAuthentication is disabled ... Tenant", "AADSTS50173", "AADSTS53003"]
    assert about(explain(env, input=log)) == wanted
    assert about(explain(env, "-", input=log)) == wanted


@tap.promise
def strange_input(env):
    "a line of a megabyte, NUL, bytes that are no text: nothing is found, nothing breaks"
    with open(env.path("noise"), "wb") as f:
        f.write(b"x" * 1000000 + b"\n\0AADSTS50173\n\xff\xfe\x1b[31m" + bytes(range(256)) * 9 +
                b"\nAADSTS65001")
    with open(env.path("noise"), "rb") as f:
        done = subprocess.run([built("sasl-bearer"), "explain", "--json"], stdin=f, timeout=60,
                              capture_output=True, env=environment())
    assert done.returncode == 0 and not done.stderr, done
    assert [found["about"] for found in json.loads(done.stdout)] == ["AADSTS65001"], done


@tap.promise
def terminal(env):
    "without a text on a terminal it says what is missing, rather than wait"
    master, slave = pty.openpty()
    done = subprocess.run([built("sasl-bearer"), "explain"], stdin=slave, capture_output=True,
                          timeout=60, env=environment(), encoding="utf-8")
    os.close(master), os.close(slave)
    assert done.returncode == 64 and "TEXT is missing" in done.stderr, done


# ---- what comes out


@tap.promise
def unknown(env):
    "what nobody knows: one line that says so, and what to do; exit 1"
    for words, input in ((["hello"], ""), ([], "hello\nthere\n"), ([], ""), ([""], "")):
        done = explain(env, *words, input=input)
        assert done.rc == 1 and not done.stdout, done
        assert re.fullmatch(r"sasl-bearer: [^\n]*sasl-bearer probe[^\n]*\n", done.stderr), done
    done = explain(env, "AADSTS123456")
    assert done.rc == 1 and not done.stdout, done
    assert "AADSTS123456" in done.stderr and "/error?code=123456\n" in done.stderr, done


@tap.promise
def partly_unknown(env):
    "a number that nobody knows is told beside what is known, once; exit 0"
    for how in ({"input": "AADSTS123456\nAADSTS50173\nAADSTS654321, 123456\n"},
                {"words": ["AADSTS50173 AADSTS123456 AADSTS654321"]},
                {"words": ["--json", "AADSTS123456 AADSTS654321", "AADSTS50173"]}):
        done = explain(env, *how.get("words", ()), input=how.get("input", ""))
        assert done.rc == 0 and "AADSTS50173" in done.stdout and "123456" not in done.stdout, done
        told = re.findall(r"^sasl-bearer: (AADSTS\d+) is not known here; see ", done.stderr, re.M)
        assert told == ["AADSTS123456", "AADSTS654321"] and done.stderr.count("\n") == 2, done


@tap.promise
def many(env):
    "as many numbers as there are: each is explained, those that mean the same as well"
    numbers = sorted({number for row in rows(env) if row["about"].startswith("AADSTS")
                      for number in re.findall(r"(?<!-)\b(?:AADSTS)?(\d+)", row["about"])})
    assert len(numbers) > 150, numbers
    wanted = [f"AADSTS{number}" for number in numbers]
    assert about(explain(env, *numbers)) == about(explain(env, input=" ".join(wanted))) == wanted


@tap.promise
def no_secrets(env):
    "W7: nothing of a text is repeated, known or not: it may have a token in it"
    # each part of an object, as they are: a word that begins with "-" would be an option
    jwt = ".".join(base64.urlsafe_b64encode(b'{"' + os.urandom(58)).decode() for _ in "123")
    blob = base64.b64encode(f"user=a@example.com\1auth=Bearer {jwt}\1\1".encode()).decode()
    texts = [f"Authorization: Bearer {jwt}", f"AUTH XOAUTH2 {blob} 535 5.7.3 no", jwt, blob,
             f"refresh_token={jwt} AADSTS50173", f"AADSTS99999999 {jwt}", f"alice {blob} unknown"]
    printed = ""
    for text in texts:
        for options in ([], ["--json"]):
            for done in (explain(env, *options, text), explain(env, *options, input=text)):
                assert done.rc in (0, 1), done
                printed += done.stdout + done.stderr
    assert "AADSTS50173" in printed and "5.7.3" in printed, printed
    for secret in (*jwt.split("."), blob):
        for start in range(0, len(secret) - 11, 4):
            assert secret[start:start + 12] not in printed, (secret, printed)
    assert "a@example.com" not in printed and "alice" not in printed, printed


@tap.promise
def as_json(env):
    "--json: an array of what was found, empty when nothing was"
    done = explain(env, "--json", "AADSTS50057", TENANT_OFF)
    assert done.rc == 0, done
    first, second = json.loads(done.stdout)
    assert list(first) == list(second) == ["about", "means", "who", "remedy"], done
    assert (first["who"], second["who"]) == ("tenant-administrator", "exchange-administrator"), done
    done = explain(env, "--json", "hello")
    assert done.rc == 1 and json.loads(done.stdout) == [], done


def rows(env):
    """The whole table."""
    done = explain(env, "--list", "--json")
    assert done.rc == 0, done
    return json.loads(done.stdout)


@tap.promise
def lines_fit(env):
    "no line is longer than the terminal, whatever is explained"
    everything = "\n".join(re.sub(r" \.\.\. ", " ", row["about"]) for row in rows(env))
    for columns in (60, 80):
        for done in (explain(env, "--list", COLUMNS=str(columns)),
                     explain(env, input=everything, COLUMNS=str(columns))):
            assert done.rc == 0 and len(done.stdout.splitlines()) > 600, done
            assert max(map(len, done.stdout.splitlines())) <= columns, done


@tap.promise
def list_is_complete(env):
    "--list has everything that can be found, under the name it is found by"
    table = rows(env)
    assert len(table) > 190 and len({row["section"] for row in table}) == 5, len(table)
    shown = explain(env, "--list").stdout
    for row in table:
        number = re.match(r"AADSTS(\d+)", row["about"])
        assert row["about"].split(", ")[0] in shown, row
        if number:
            [found] = json.loads(explain(env, "--json", number[1]).stdout)
            assert found["about"] == number[0] and found["means"] == row["means"], (row, found)


@tap.promise
def wrong_options(env):
    "--list takes no text, --markdown is for --list"
    for words in (["--list", "50173"], ["--markdown"], ["--markdown", "50173"], ["--nothing"]):
        done = explain(env, *words)
        assert done.rc == 64 and done.stderr.count("\n") == 1 and not done.stdout, done


# ---- one table


@tap.promise
def document(env):
    "doc/ERRORS.md is what `sasl-bearer explain --list --markdown` prints"
    done = explain(env, "--list", "--markdown")
    with open(os.path.join(SRCDIR, "doc", "ERRORS.md"), encoding="utf-8") as f:
        assert f.read() == done.stdout, "run: sasl-bearer explain --list --markdown >doc/ERRORS.md"


# What readers of Microsoft's texts on this subject run into, and a word of the answer.
CASES = [
    (TENANT_OFF, "Get-TransportConfig"), (TENANT_OFF, "good token as well"),
    (TENANT_OFF, "Set-CASMailbox -Identity USER -SmtpClientAuthenticationDisabled $false"),
    (TENANT_OFF.replace("Tenant", "Mailbox"), "Get-EXOCasMailbox"),
    (TENANT_OFF.replace("Tenant", "Mailbox"),
     "Set-CASMailbox -Identity USER -SmtpClientAuthenticationDisabled $false"),
    ("535 5.7.139 Authentication unsuccessful, user is locked by your organization's security "
     "defaults policy.", "XOAUTH2"),
    ("535 5.7.139 Authentication unsuccessful, the request did not meet the criteria",
     "Get-AuthenticationPolicy"),
    ("550 5.7.30 Basic authentication is not supported for Client Submission.", "XOAUTH2"),
    ('NO AUTHENTICATE failed. Error="AuthFailed:LogonDenied-None-OAuthLog:x"',
     "-ObjectId that of the enterprise application"),
    ("535 5.7.3 Authentication unsuccessful", "New-ServicePrincipal"),
    ("535 5.7.3 Authentication unsuccessful", "Add-MailboxPermission"),
    ("NO AUTHENTICATE failed.", "Add-MailboxPermission"),
    ("BAD User is authenticated but not connected.", "-ImapEnabled $true"),
    ("AADSTS65001", 'the address that "sasl-bearer login" prints'),
    ("AADSTS90094", "admin consent"), ("AADSTS90095", 'the address that "sasl-bearer login" prints'),
    ("AADSTS50173", "STSRefreshTokensValidFrom"), ("AADSTS700082", "90 days"),
    ("432 4.3.2 Concurrent connections limit exceeded", "30 messages a minute"),
    ("432 4.3.2 Concurrent connections limit exceeded", "smtp_destination_concurrency_limit"),
    ("535 5.7.142 Token will expire soon", "min_validity"),
    ("535 5.7.144 wrong API permissions", "Mail.Send"),
    ("550 5.7.240 application not in allow list", "Add-HVEAppAccess -Identity USER"),
    ("554 5.2.252 SendAsDenied; a@x not allowed to send as b@x", "Add-RecipientPermission"),
    ("SASL authentication failure: No worthy mechs found", "smtp_sasl_tls_security_options"),
    ("no token helper listens at /run/sasl-bearer/socket", "sasl-bearerd-postfix.socket"),
]


@tap.promise
def known_cases(env):
    "the switches, policies, permissions, consents and limits of Exchange, each with its command"
    for text, words in CASES:
        done = explain(env, "--json", text)
        assert done.rc == 0, done
        [found] = json.loads(done.stdout)
        assert words in found["means"] + "\n" + found["remedy"], (text, words, found)


@tap.promise
def guides_know(env):
    "each line of a log or reply that the guides list by what one sees is known"
    found = []
    for guide in ("TROUBLESHOOTING", "PRINTERS"):
        with open(os.path.join(SRCDIR, "doc", guide + ".md"), encoding="utf-8") as f:
            rows = re.findall(r"^\| (.*?) \| .* \|$", f.read(), re.M)
        found += [line for row in rows for line in re.findall(r"`([^`]+)`|(AADSTS\d+)", row)]
    lines = ["".join(line).replace("...", "x") for line in found]
    lines = [line for line in lines if line not in NO_LINES]
    assert len(lines) > 30, lines
    missing = [line for line in lines if explain(env, "--", line).rc]
    assert not missing, missing


# what else is in code in the first column of those tables
NO_LINES = ("--check", "list", "refresh", "probe", "cron", "config", "smtp.office365.com")

# error, number, its HTTP status, the state it leads to
PROVIDER = [
    ("invalid_grant", 50173, 400, "login_required"),
    ("invalid_grant", 50055, 400, "login_required"),
    ("invalid_grant", 53003, 400, "login_required"),
    ("invalid_client", 7000222, 401, "config"),
    ("invalid_client", 7000218, 401, "config"),
    ("unauthorized_client", 7000229, 400, "config"),
]


@tap.promise
def shared_with_the_helper(env):
    "W6: the last error in `list` has the meaning and the remedy that explain tells for its number"
    server = OAuthServer(tls=env.tls()).start()
    helper = Helper(env, server, {"work": {"user": "alice@example.com"}}).start()
    helper.store("work", server.issue("alice@example.com"))
    for error, number, status, state in PROVIDER:
        server.always("token", Reply.error(error, f"AADSTS{number}: words of theirs.", status,
                                           error_codes=[number]))
        helper.request({"request": "refresh", "account": "work"})
        last = wait_for(lambda: helper.list()["work"].get("last_error"), what="an error")
        assert f"AADSTS{number}: words of theirs." in last, last
        [found] = json.loads(explain(env, "--json", last).stdout)
        assert found["about"] == f"AADSTS{number}", (last, found)
        remedy = found["remedy"].replace("ACCOUNT", "work").replace("CLIENT_ID", "test-client")
        assert found["means"] in last and remedy in last, (last, found)
        assert helper.list()["work"]["state"] == state, helper.list()
        assert "\n" not in last and len(last) < 1200, last
        server.forget()


@tap.promise
def asks_nobody(env):
    "the helper is not asked, no configuration is read"
    path = env.path("socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.setblocking(False)
        done = explain(env, "--socket", path, "--config", env.path("no-such-file"), "50173",
                       SASL_BEARER_SOCKET=path, HOME=None)
        assert done.rc == 0 and "50173" in done.stdout, done
        try:
            listener.accept()
            raise AssertionError("it connected to the helper")
        except BlockingIOError:
            pass


tap.main()
