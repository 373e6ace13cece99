#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""device - sasl-bearer login --device: the code on the screen, and waiting for the person"""

import contextlib
import os
import re
import shutil
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import tap
from env import BUILDDIR, built, wait_for
from helper import Helper
from oauthd import Reply
from signin import NEW, World

DEVICE = (*NEW, "--device", "--allow", str(os.geteuid()))
BLACK_ON_WHITE = "\x1b[38;5;16;48;5;231m"
RESET = "\x1b[0m"
HALVES = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
PIXELS = 8          # of a module
AROUND = 6          # modules of the terminal's own colour that a reader sees


def need_qrencode():
    with open(os.path.join(BUILDDIR, "config.h"), encoding="utf-8") as f:
        tap.need("#define HAVE_QRENCODE 1" in f.read(), "libqrencode (at configure)")


def device_reply(**members):
    """An answer of the device endpoint; None removes a member."""
    answer = {"device_code": "the-device-code", "user_code": "ABCD-EFGH",
              "verification_uri": "https://login.example/device", "interval": 1,
              "expires_in": 900, **members}
    return Reply(json={k: v for k, v in answer.items() if v is not None})


@contextlib.contextmanager
def waiting(world, account, code=None, **how):
    """A sign-in on a terminal that waits for the person; ends it in the end."""
    world.server.forget()
    if code:
        world.server.script("devicecode", code)
        world.server.always("token", Reply.error("authorization_pending"))
    with world.terminal(*DEVICE, account, **how) as terminal:
        terminal.wait_for(" s left")
        yield terminal
    world.server.forget()


def code_rows(text):
    """The rows of characters of a code on a terminal; [] when there is none."""
    rows = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.startswith(BLACK_ON_WHITE):
            assert line.endswith(RESET), "colours are not reset at the end of a line"
            rows.append(line[len(BLACK_ON_WHITE):-len(RESET)])
    assert len(set(map(len, rows))) <= 1, "rows of several widths"
    assert not set("".join(rows)) - set(HALVES), "strange characters in a row"
    return rows


def picture(rows, background):
    """A terminal with a code on it, as PGM; the background is 0 (black) to 255."""
    modules = []
    for row in rows:
        for half in (0, 1):
            line = [0 if HALVES[c][half] else 255 for c in row]
            modules.append([background] * AROUND + line + [background] * AROUND)
    blank = [[background] * len(modules[0])] * AROUND
    lines = [bytes(v for v in line for _ in range(PIXELS)) for line in blank + modules + blank]
    body = b"".join(line * PIXELS for line in lines)
    return f"P5 {len(lines[0])} {len(lines) * PIXELS} 255\n".encode() + body


def read_back(world, rows, background):
    """What a reader of QR codes sees in the picture."""
    path = world.env.path("code.pgm")
    with open(path, "wb") as f:
        f.write(picture(rows, background))
    done = world.env.run(["zbarimg", "--raw", "--quiet", "-Sdisable", "-Sqrcode.enable", path])
    assert done.rc == 0, done
    return done.stdout.rstrip("\n")


@tap.promise
def qr_code(world):
    "the page is shown as a QR code, which a reader reads on dark and on light terminals"
    tap.require("zbarimg")
    need_qrencode()
    page = "https://login.example/device"
    complete = page + "?user_code=ABCD-EFGH&%C3%A9=" + "x" * 60
    for code, what in ((device_reply(), page),
                       (device_reply(verification_uri_complete=complete), complete)):
        with waiting(world, "qr@example.com", code, columns=120) as terminal:
            rows = code_rows(terminal.text)
        assert rows, terminal.text
        for background in (0, 255):
            assert read_back(world, rows, background) == what
        margin = [row[:2] + row[-2:] for row in rows] + [rows[0], rows[-1]]
        assert not "".join(margin).strip(" "), "no margin of two modules"
        assert f"    {page}\r\n" in terminal.text and "    ABCD-EFGH\r\n" in terminal.text


@tap.promise
def qr_code_fits(world):
    "a QR code is shown where it fits exactly, and not in a terminal a column narrower"
    need_qrencode()
    with waiting(world, "qr@example.com", device_reply()) as terminal:
        width = len(code_rows(terminal.text)[0])
    for columns, there in ((width, True), (width - 1, False)):
        with waiting(world, "qr@example.com", device_reply(), columns=columns) as terminal:
            assert bool(code_rows(terminal.text)) is there, (columns, terminal.text)


@tap.promise
def no_qr_code(world):
    "no QR code and no escape sequence without UTF-8, on a dumb terminal, or in a file"
    for env in ({"LC_ALL": "C"}, {"TERM": "dumb"}, {"TERM": None}):
        with waiting(world, "qr@example.com", device_reply(), env=env) as terminal:
            text = terminal.text
        assert "\x1b" not in text and "█" not in text, (env, text)
        assert "https://login.example/device" in text, text
    world.server.script("devicecode", device_reply())
    world.server.script("token", Reply.error("access_denied"))
    done = world.helper.cli(*DEVICE, "qr@example.com")
    assert done.rc == 77 and "\x1b" not in done.stdout and "█" not in done.stdout, done


@tap.promise
def interval(world):
    "the provider's interval is kept before each poll"
    world.server.forget()
    world.server.script("devicecode", device_reply(interval=6))
    world.server.script("token", Reply.error("authorization_pending"),
                        Reply(json=world.server.issue("alice@example.com")))
    done = world.login(*DEVICE, "pace@example.com", act="none")
    assert done.rc == 0, done
    times = [r.time for r in world.server.seen()]
    assert len(times) == 3, times
    assert all(b - a > 5.9 for a, b in zip(times, times[1:])), times


@tap.promise
def long_interval(world):
    "an interval longer than the code lives: no poll, and the code expires"
    world.server.forget()
    world.server.script("devicecode", device_reply(interval=3000, expires_in=8))
    done = world.helper.cli(*DEVICE, "pace2@example.com")
    assert done.rc == 69 and "the code has expired: nobody signed in" in done.stderr, done
    assert not world.server.seen("token"), world.server.seen("token")


@tap.promise
def every_error(world):
    "each error that ends it: its exit code, one line with what to do, and nothing is left"
    for error, rc, text in (
            (Reply.error("access_denied"), 77, "it was declined on the page"),
            (Reply.error("authorization_declined"), 77, "it was declined on the page"),
            (Reply.error("expired_token"), 69, "the code has expired, nobody signed in; run the command again"),
            (Reply.error("bad_verification_code"), 69, "; run the command again"),
            (Reply.error("invalid_grant"), 69, "the sign-in did not succeed"),
            (Reply.error("invalid_client", status=401), 78, "--client-secret-file"),
            (Reply.error("invalid_client", "AADSTS7000218: x", error_codes=[7000218]), 78,
             "allow public client flows in the registration"),
            (Reply.error("unsupported_grant_type"), 78, "the sign-in did not succeed")):
        world.server.script("devicecode", device_reply())
        world.server.script("token", error)
        done = world.helper.cli(*DEVICE, "err@example.com")
        assert done.rc == rc and text in done.stderr, (error.body, done)
        assert done.stderr.count("\n") == 1, done.stderr
        assert not world.left("err@example.com"), world.left("err@example.com")


@tap.promise
def blocked(world):
    "an organisation that blocks codes: --browser is named; a user to be assigned: it is not"
    for number, error in ((530036, "invalid_grant"), (530033, "access_denied"),
                          (53003, "access_denied"), (530003, "interaction_required")):
        for kind in ("devicecode", "token"):
            world.server.forget()
            world.server.script("devicecode", device_reply())
            world.server.scripts[kind].appendleft(
                Reply.error(error, f"AADSTS{number}: no.", error_codes=[number]))
            done = world.helper.cli(*DEVICE, "err@example.com")
            assert done.rc in (69, 77), done
            assert f"AADSTS{number}" in done.stderr and "use --browser" in done.stderr, done
    world.server.forget()
    world.server.script("devicecode", device_reply())
    world.server.script("token", Reply.error("invalid_grant", "AADSTS50105: x", error_codes=[50105]))
    done = world.helper.cli(*DEVICE, "err@example.com")
    assert "ask an administrator to assign this user" in done.stderr, done
    assert "--browser" not in done.stderr, done


@tap.promise
def admin_approval(world):
    "need admin approval: it ends with the address to send to an administrator"
    path = os.path.join(world.helper.config_dir, "providers.d/consent.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write("".join(f"{key} = {value}\n" for key, value in (
            ("title", "C"), ("tenant", "example.com"), ("hosts", "localhost"),
            ("scope", "offline_access https://m.example/IMAP"),
            ("token_endpoint", world.server.endpoint("token")),
            ("device_authorization_endpoint", world.server.endpoint("devicecode")),
            ("admin_consent_endpoint", "https://login.example/{tenant}/v2.0/adminconsent"))))
    os.chmod(path, 0o644)
    words = ("login", "--provider", "consent", "--client-id", "the-app", "--device", "err@example.com")
    for reply in (Reply.error("invalid_grant", "AADSTS65001: x", error_codes=[65001]),
                  Reply.error("access_denied", "AADSTS90094: x", error_codes=[90094]),
                  Reply.error("invalid_grant", "AADSTS90095: x", error_codes=[90095]),
                  Reply.error("consent_required")):
        world.server.script("devicecode", device_reply())
        world.server.script("token", reply)
        done = world.helper.cli(*words)
        assert done.rc in (69, 77), done
        assert "an administrator must approve the application" in done.stderr, done
        found = re.search(r"https://login\.example/example\.com/v2\.0/adminconsent\?\S+", done.stderr)
        assert found and "client_id=the-app" in found[0], done
        assert "scope=https%3A%2F%2Fm.example%2FIMAP" in found[0], found[0]


@tap.promise
def provider_goes_and_comes(world):
    "a provider that goes away while it is polled and comes back: it says so and goes on"
    with waiting(world, "net@example.com") as terminal:
        world.server.wait_seen("token")
        device = world.server.devices[world.pending()[-1]]
        world.server.stop()
        terminal.wait_for("trying again until the code expires")
        world.server.start()
        world.server.approve(device["user_code"], "alice@example.com")
        assert terminal.wait() == 0, terminal.text
    assert "refresh_token" in world.helper.state("net@example.com")


@tap.promise
def retry_after(world):
    "R8: 429 and 503 with Retry-After while polling: it is not asked before that"
    for status in (429, 503):
        world.server.forget()
        world.server.script("devicecode", device_reply())
        world.server.script("token", Reply(status, headers={"Retry-After": "5"}),
                            Reply(json=world.server.issue("alice@example.com")))
        done = world.login(*DEVICE, f"later{status}@example.com", act="none")
        assert done.rc == 0 and "trying again" in done.stderr, done
        first, second = world.server.seen("token")
        assert second.time - first.time > 4.9, second.time - first.time


@tap.promise
def expires(world):
    "a code that expires ends the sign-in on a terminal too, on a line of its own"
    with waiting(world, "old@example.com", device_reply(expires_in=3)) as terminal:
        assert terminal.wait() == 69, terminal.text
        assert "\nsasl-bearer: the code has expired: nobody signed in; run" in terminal.text, terminal.text
        assert not world.left("old@example.com")


@tap.promise
def program_goes(world):
    "a sasl-bearer-fetch that cannot be run any more while waiting: the error has its own line"
    world.server.forget()
    folder = world.env.mkdir("programs")
    program = os.path.join(folder, "sasl-bearer-fetch")
    shutil.copy(built("sasl-bearer-fetch"), program)
    with open(world.helper.config, encoding="utf-8") as f:
        text = re.sub("(?m)^libexec_dir = .*$", f"libexec_dir = {folder}", f.read())
    config = world.env.write("programs/sasl-bearer.conf", text)
    world.server.script("devicecode", device_reply())
    world.server.always("token", Reply.error("authorization_pending"))
    with world.terminal("--config", config, "--socket", world.helper.socket, *DEVICE,
                        "gone@example.com") as terminal:
        terminal.wait_for(" s left")
        os.unlink(program)
        assert terminal.wait() == 71, terminal.text
        assert "left \r\nsasl-bearer: cannot run" in terminal.text, terminal.text
    world.server.forget()


@tap.promise
def names_who_signs_in(world):
    "with --as the terminal names the one who signs in, not the mailbox"
    world.server.script("devicecode", device_reply())
    world.server.script("token", Reply.error("access_denied"))
    done = world.helper.cli(*DEVICE, "--as", "alice@example.com", "shared@example.com")
    assert "To sign in as alice@example.com, open" in done.stdout, done


def begin(world):
    """Interrupt before there is a code: the provider says nothing."""
    world.server.script("devicecode", Reply(silent=True))
    return "devicecode"


def between(world):
    world.server.script("devicecode", device_reply(interval=100))
    return None


def during(world):
    world.server.script("devicecode", device_reply())
    world.server.script("token", Reply(silent=True))
    return "token"


@tap.promise
def interrupted(world):
    "Ctrl-C at the beginning, between two polls and during one: nothing is left, and it says so"
    for stage in (begin, between, during):
        world.server.forget()
        kind = stage(world)
        with world.terminal(*DEVICE, "ctrlc@example.com") as terminal:
            if kind:
                world.server.wait_seen(kind)
            else:
                terminal.wait_for(" s left")
            terminal.type("\x03")
            assert terminal.wait(5) == -signal.SIGINT, (stage, terminal.text)
        assert terminal.text.endswith("\r\nInterrupted: nothing was stored.\r\n"), terminal.text
        assert not world.left("ctrlc@example.com"), (stage, world.left("ctrlc@example.com"))
    world.server.forget()


@tap.promise
def interrupted_late(world):
    "Ctrl-C while the helper stores the tokens: what was begun is finished"
    world.server.forget()
    world.server.script("devicecode", device_reply())
    stopped = []

    def last(_request):
        world.helper.process.send(signal.SIGSTOP)
        stopped.append(1)
        return Reply(json=world.server.issue("alice@example.com"))

    world.server.always("token", last)
    try:
        with world.terminal(*DEVICE, "late@example.com") as terminal:
            wait_for(lambda: stopped and world.left("late@example.com"), 20, "the account's file")
            terminal.type("\x03")
            world.helper.process.send(signal.SIGCONT)
            terminal.wait()
            assert "Signed in as late@example.com" in terminal.text, terminal.text
    finally:
        world.helper.process.send(signal.SIGCONT)
        world.server.forget()
    assert "refresh_token" in world.helper.state("late@example.com")


@tap.promise
def device_code_is_secret(world):
    "the device code is shown nowhere, though the provider's errors have it in them"
    secret = "dc-4f9a8b7c6d5e4f3a2b1c"
    world.server.script("devicecode", device_reply(device_code=secret))
    world.server.script("token", Reply.error("authorization_pending", f"code {secret}"),
                        Reply(503, body=secret, headers={"Content-Type": "text/plain"}),
                        Reply.error("access_denied", f"no such code: {secret}!"))
    with world.terminal(*DEVICE, "dc@example.com") as terminal:
        assert terminal.wait() == 77, terminal.text
    assert "no such code: ***!" in terminal.text, terminal.text
    assert secret not in terminal.text and secret not in world.helper.process.log()


@tap.promise
def odd_pages(world):
    "a page or code that could lie or move the cursor is refused, and not printed"
    page = "https://login.example/"
    for members in ({"verification_uri": page + "\u202ecod"}, {"verification_uri": page + "\x9b31m"},
                    {"verification_uri": page + "é"}, {"verification_uri": page + "\x1b[2J"},
                    {"verification_uri": page + "a b"}, {"verification_uri": page + "a\nb"},
                    {"verification_uri": "javascript:alert(1)"}, {"verification_uri": "http://login.example/"},
                    {"verification_uri": "//login.example"}, {"verification_uri": page + "a" * 4000},
                    {"user_code": "AB\u202eCD"}, {"user_code": "AB\x1b[2JCD"}, {"user_code": "\x9bABCD"},
                    {"user_code": "A" * 200}, {"user_code": ""}, {"verification_uri": None}):
        world.server.script("devicecode", device_reply(**members))
        done = world.helper.cli(*DEVICE, "odd@example.com")
        assert done.rc in (75, 76), (members, done)
        assert "cannot begin the sign-in" in done.stderr and done.stderr.count("\n") == 1, done
        odd = [c for c in done.stdout + done.stderr if not " " <= c <= "~" and c != "\n"]
        assert not odd, (members, odd)
        assert not world.left("odd@example.com")


@tap.promise
def odd_complete_page(world):
    "a page with the code in it that is odd is left out; the sign-in goes on"
    world.server.script("devicecode", device_reply(verification_uri_complete="https://x.example/\u202e"))
    world.server.script("token", Reply.error("access_denied"))
    done = world.helper.cli(*DEVICE, "odd@example.com")
    assert done.rc == 77 and "x.example" not in done.stdout + done.stderr, done
    assert "ABCD-EFGH" in done.stdout, done


@tap.promise
def google(world):
    "Google has no codes for mail: --browser and --paste are named"
    helper = Helper(world.env, settings={"providers_dir": world.env.shipped_providers()}).start()
    done = helper.cli("login", "--device", "--provider", "google", "--client-id", "x", "g@example.com")
    assert done.rc == 78, done
    assert ('provider "google" has no sign-in with --device for mail; use --browser, or --paste where '
            "there is no browser") in done.stderr, done
    assert helper.stop() == 0


tap.main(World, timeout=300)
