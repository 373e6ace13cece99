#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""sign - sasl-bearer-sign with the keys that people have, and with the wrong ones"""

import datetime
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import keys
import protocol
import tap
from env import built, environment, wait_for

SIGN = built("sasl-bearer-sign")
PASSWORD = "correct hörse; battery"
AUDIENCE = "https://login.example.com/tenant/oauth2/v2.0/token"
MAILBOX = "alice@example.com"


class World:
    """Keys of all kinds, made once, and requests about them."""

    def __init__(self, env):
        self.env = env
        self.dir = env.mkdir("keys", 0o700)
        self.key = keys.make_key(self.path("good.key"))
        self.public = keys.public_key(self.key, self.path("good.pub"))
        self.cert = keys.make_certificate(self.key, self.path("good.pem"))
        self.locked = keys.encrypt_key(self.key, self.path("locked.key"), PASSWORD)
        self.pkcs12 = keys.make_pkcs12(self.key, self.cert, self.path("good.p12"), PASSWORD)
        self.json = keys.service_account(self.key, self.path("good.json"))
        self.other = keys.make_key(self.path("other.key"))
        self.other_cert = keys.make_certificate(self.other, self.path("other.pem"))
        with open(self.key, encoding="ascii") as f:
            self.secrets = [line for line in f.read().split("\n") if len(line) > 40]

    def path(self, name):
        return os.path.join(self.dir, name)

    def file(self, name, *parts):
        """A file made of others, given by path, and of bytes."""
        with open(self.path(name), "wb") as f:
            for part in parts:
                if isinstance(part, str):
                    with open(part, "rb") as source:
                        part = source.read()
                f.write(part)
        return self.path(name)

    @staticmethod
    def message(**attributes):
        given = {name: value for name, value in attributes.items() if value is not None}
        return protocol.encode({"protocol": 1, **given}).decode()

    def sign(self, key, cert=None, environ=None, **attributes):
        """Run it: one message out, exit 0, nothing on stderr, no key and no password out."""
        paths = {"client_key": key, "client_certificate": cert}
        opened = ['3<"$1"' if key else "3<&-", '4<"$2"' if cert else "4<&-"]
        rc, out, err = self.env.run(
            ["sh", "-c", f'exec "$0" {" ".join(opened)}', SIGN, key or "", cert or ""],
            input=self.message(**{**paths, **attributes}), env=environ)
        assert (rc, err) == (0, ""), (rc, out, err)
        for secret in [*self.secrets, attributes.get("password")]:
            assert not secret or secret not in out, (secret, out)
        reply, = protocol.decode(out.encode())
        assert ("reason" in reply) == (reply["status"] != "ok"), reply
        return reply

    def client(self, key, cert=None, **attributes):
        return self.sign(key, cert, **{"operation": "client_assertion", "client_id": "app",
                                       "audience": AUDIENCE, **attributes})

    def grant(self, key, **attributes):
        return self.sign(key, **{"operation": "grant_assertion", "subject": MAILBOX,
                                 "audience": AUDIENCE, "scope": "mail more", **attributes})

    def verified(self, reply):
        """The header and the claims of a good reply, after the public key has agreed."""
        assert reply["status"] == "ok", reply
        header, claims = keys.jwt_verify(reply["assertion"], self.public)
        assert int(reply["expires_at"]) == claims["exp"], reply
        return header, claims

    def refused(self, pattern, key, cert=None, **attributes):
        """Refused as configuration, by check as well, with words that name the path."""
        first = self.client(key, cert, **attributes)
        assert first["status"] == "config" and "assertion" not in first, first
        assert re.search(pattern, first["reason"]), first
        assert f'"{key}"' in first["reason"] or f'"{cert}"' in first["reason"], first
        assert self.sign(key, cert, operation="check", **attributes) == first
        return first["reason"]


def setup(env):
    return World(env)


@tap.promise
def client_assertion(w):
    "private_key_jwt: PS256, x5t#S256, RFC 7523's claims, ten minutes"
    before = int(time.time())
    reply = w.client(w.key, w.cert)
    header, claims = w.verified(reply)
    assert header == {"alg": "PS256", "typ": "JWT",
                      "x5t#S256": keys.thumbprint(w.cert)}, header
    now = claims["iat"]
    assert before <= now <= time.time(), claims
    assert len(keys.unbase64url(claims.pop("jti"))) == 16, claims
    assert claims == {"iss": "app", "sub": "app", "aud": AUDIENCE, "iat": now, "nbf": now,
                      "exp": now + 600}, claims
    end = keys.openssl("x509", "-in", w.cert, "-noout", "-enddate").decode().strip()
    end = datetime.datetime.strptime(end, "notAfter=%b %d %H:%M:%S %Y GMT")
    end = end.replace(tzinfo=datetime.timezone.utc)
    assert int(reply["certificate_expires_at"]) == end.timestamp(), (reply, end)


@tap.promise
def rs256(w):
    "RS256 names the certificate by x5t"
    header, _ = w.verified(w.client(w.key, w.cert, algorithm="RS256"))
    assert header == {"alg": "RS256", "typ": "JWT",
                      "x5t": keys.thumbprint(w.cert, "sha1")}, header


@tap.promise
def never_twice(w):
    "no two assertions have the same jti"
    seen = {w.verified(w.client(w.key))[1]["jti"] for _ in range(8)}
    assert len(seen) == 8, seen


@tap.promise
def as_asked(w):
    "key_id and lifetime are used; without a certificate none is named"
    reply = w.client(w.key, key_id="key one", lifetime=60)
    header, claims = w.verified(reply)
    assert header == {"alg": "PS256", "typ": "JWT", "kid": "key one"}, header
    assert claims["exp"] - claims["iat"] == 60, claims
    assert "certificate_expires_at" not in reply, reply


@tap.promise
def any_text(w):
    "quotes, backslashes and other languages come through unchanged"
    text = 'a"b\\c/d <é\u4e2d> \U0001f511 \u2028 %n'
    _, claims = w.verified(w.client(w.key, client_id=text, audience=text))
    assert claims["iss"] == claims["sub"] == claims["aud"] == text, claims


@tap.promise
def sources(w):
    "key and certificate from PEM and PKCS#12, in one file or two, under a password or not"
    open12 = keys.make_pkcs12(w.key, w.cert, w.path("open.p12"))
    cert12 = w.path("cert.p12")
    keys.openssl("pkcs12", "-export", "-nokeys", "-in", w.cert, "-passout", f"pass:{PASSWORD}",
                 "-out", cert12)
    traditional = w.path("traditional.key")
    keys.openssl("rsa", "-in", w.key, "-traditional", "-aes256", "-passout", f"pass:{PASSWORD}",
                 "-out", traditional)
    key12 = keys.make_pkcs12(w.key, None, w.path("key.p12"), PASSWORD)
    chained = w.path("chain.p12")
    keys.openssl("pkcs12", "-export", "-inkey", w.key, "-in", w.cert, "-certfile", w.other_cert,
                 "-passout", f"pass:{PASSWORD}", "-out", chained)
    alone = (w.file("bundle.pem", w.key, w.cert), w.file("turned.pem", w.cert, b"\n", w.key),
             w.file("chain.pem", w.other_cert, b"Bag Attributes\n", w.cert, w.other_cert, w.key),
             w.file("dos.pem", b"\xef\xbb\xbf", *[
                 line.encode() + b"\r\n" for path in (w.key, w.cert)
                 for line in open(path, encoding="ascii").read().splitlines()]),
             open12)
    for key, cert, password in [
            *((path, None, None) for path in alone), (w.locked, w.cert, PASSWORD),
            (traditional, w.cert, PASSWORD), (w.pkcs12, None, PASSWORD), (key12, w.cert, PASSWORD),
            (chained, None, PASSWORD), (w.key, cert12, PASSWORD), (w.key, alone[2], None),
            (w.file("locked.pem", w.cert, w.locked), None, PASSWORD)]:
        reply = w.client(key, cert, password=password)
        assert reply["status"] == "ok", (key, cert, reply)
        header, _ = w.verified(reply)
        assert header["x5t#S256"] == keys.thumbprint(w.cert), (key, cert, header)


@tap.promise
def certificate_holds_key(w):
    "client_certificate may hold the key, and reasons then name it"
    both = w.file("both.pem", w.key, w.cert)
    reply = w.client(both, client_key=None, client_certificate=both)
    assert w.verified(reply)[0]["x5t#S256"] == keys.thumbprint(w.cert)
    reply = w.client(w.cert, client_key=None, client_certificate=w.cert)
    assert reply["status"] == "config" and f'"{w.cert}" holds no private key' in reply["reason"], reply


@tap.promise
def service_account(w):
    "a Google service account: RS256, its own names, an hour"
    header, claims = w.verified(w.grant(w.json, algorithm="PS256", client_id="app"))
    assert header == {"alg": "RS256", "typ": "JWT",
                      "kid": "0123456789abcdef0123456789abcdef01234567"}, header
    now = claims["iat"]
    assert claims == {"iss": "relay@mail-relay.iam.gserviceaccount.com", "sub": MAILBOX,
                      "scope": "mail more", "aud": AUDIENCE, "iat": now, "exp": now + 3600}, claims
    assert w.verified(w.grant(w.json, key_id="mine"))[0]["kid"] == "mine"


@tap.promise
def grant_by_any_key(w):
    "the same with a key in PEM or PKCS#12: client_id asks, by the algorithm of the account"
    for key, password in ((w.key, None), (w.pkcs12, PASSWORD)):
        for algorithm in ("PS256", "RS256"):
            header, claims = w.verified(w.grant(key, password=password, client_id="app",
                                                algorithm=algorithm, key_id="k", scope=None))
            assert header == {"alg": algorithm, "typ": "JWT", "kid": "k"}, header
            now = claims["iat"]
            assert claims == {"iss": "app", "sub": MAILBOX, "aud": AUDIENCE, "iat": now,
                              "exp": now + 3600}, claims
    reply = w.grant(w.key)
    assert reply["status"] == "config" and "client_id is not set" in reply["reason"], reply


@tap.promise
def check(w):
    "check tells when the certificate ends, and makes no assertion"
    reply = w.sign(w.key, w.cert, operation="check")
    end = w.client(w.key, w.cert)["certificate_expires_at"]
    assert reply == {"protocol": "1", "status": "ok", "certificate_expires_at": end}, reply
    assert w.sign(w.json, operation="check") == {"protocol": "1", "status": "ok"}


@tap.promise
def no_key(w):
    "what is no key is refused: text, a certificate, a public key, a key cut off, an empty file"
    with open(w.key, "rb") as f:
        half = f.read()[:900]
    for path in (w.file("text", b"client_key = here\n"), w.cert, w.public, w.file("half", half),
                 w.file("noise", b"\xff" + os.urandom(3000)), w.file("zeros", bytes(3000))):
        w.refused("holds no private key .* RSA", path)
    w.refused("is empty$", w.file("empty"))
    w.refused("is empty$", w.key, w.path("empty"))
    w.refused("holds no certificate in PEM or PKCS#12", w.key, w.path("text"))


@tap.promise
def passwords(w):
    "without a password, or with a wrong one, client_key_password_file is named"
    for path in (w.locked, w.pkcs12):
        w.refused("is encrypted; .* client_key_password_file", path)
        for wrong in ("wrong", PASSWORD[:-1], "x" * 2000):
            w.refused("the password in client_key_password_file does not open", path,
                      password=wrong)


@tap.promise
def other_keys(w):
    "EC, Ed25519, RSA-PSS and short RSA keys are refused by name"
    for algorithm, option, word in (
            ("EC", "ec_paramgen_curve:P-256", "type EC;.* RSA"), ("ED25519", None, "type ED25519;"),
            ("RSA-PSS", "rsa_keygen_bits:2048", "type RSA-PSS;"),
            ("RSA", "rsa_keygen_bits:1024", "has 1024 bits; at least 2048")):
        path = keys.make_key(w.path(f"{algorithm}.key"), algorithm, *filter(None, [option]))
        w.refused(word, path)
        w.refused(word, path, w.other_cert)     # the first thing wrong


@tap.promise
def pairs(w):
    "a key and a certificate that do not belong together are refused"
    reason = w.refused("do not belong together", w.key, w.other_cert)
    assert w.key in reason and w.other_cert in reason, reason
    w.refused("do not belong together", w.file("mixed.pem", w.key, w.other_cert))


@tap.promise
def dates(w):
    "a certificate that has expired, or is not valid yet, is refused with the date"
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.timezone.utc)
    for start, end, words in ((now - 3 * day, now - day, f"expired on {now - day:%Y-%m-%d %H:%M} UTC"),
                              (now + day, now + 3 * day, f"only from {now + day:%Y-%m-%d %H:%M} UTC"),
                              (now - 3 * day, now, "expired on")):
        cert = keys.make_certificate(w.key, w.path("dated.pem"), start, end)
        w.refused(words, w.key, cert)
        w.refused(words, w.file("dated-both.pem", w.key, cert))
    cert = keys.make_certificate(w.key, w.path("far.pem"), now - day,
                                 datetime.datetime(2150, 1, 1, tzinfo=datetime.timezone.utc))
    assert w.sign(w.key, cert, operation="check")["certificate_expires_at"] == "5680281600"


@tap.promise
def json_files(w):
    "JSON that is no service account's key is refused, with the way to the right file"
    right = "console.* Service accounts, Keys, Add key, JSON"
    for name in ("installed", "web"):
        path = w.file(name + ".json", b'{"%s":{"client_id":"a","client_secret":"GOCSPX-hidden"}}'
                      % name.encode())
        reason = w.refused("is the JSON of an OAuth client.*" + right, path)
        assert "GOCSPX" not in reason, reason
    for changes, words in (({"type": "authorized_user"}, "type is not service_account"),
                           ({"type": None}, "type is not service_account"),
                           ({"type": ["service_account"]}, "type is not service_account"),
                           ({"private_key": None}, "private_key in"),
                           ({"private_key": 7}, "private_key in"),
                           ({"client_email": None}, "client_email in"),
                           ({"client_email": {"a": 1}}, "client_email in"),
                           ({"client_email": "a\nb"}, "client_email in"),
                           ({"private_key_id": 9}, "private_key_id in")):
        path = keys.service_account(w.key, w.path("changed.json"), **changes)
        w.refused(words + ".*" + right, path)
    with open(w.json, "rb") as f:
        data = f.read()
    for length in (1, 100, len(data) // 2, len(data) - 1):
        w.refused("is cut off; copy", w.file("cut.json", data[:length]))
    w.refused("is no JSON", w.file("two.json", data + data))
    w.refused("holds no private key", keys.service_account(w.cert, w.path("cert.json")))


@tap.promise
def old_algorithms(w):
    "PKCS#12 and PEM of old algorithms are refused with the command that converts them"
    tap.need(keys.openssl("list", "-providers", "-provider", "legacy", ok=False) is not None,
             "OpenSSL's legacy provider")
    old = keys.make_pkcs12(w.key, w.cert, w.path("old.p12"), PASSWORD, "-legacy")
    reason = w.refused("too old .*; convert it: openssl pkcs12 -legacy .*", old, password=PASSWORD)
    w.refused("is encrypted", old)
    w.refused("does not open", old, password="wrong")
    config = w.env.write("openssl.cnf", "openssl_conf=a\n[a]\nproviders=b\n[b]\nlegacy=c\n"
                         "default=c\n[c]\nactivate=1\n")
    assert w.client(old, password=PASSWORD, environ={"OPENSSL_CONF": config})["reason"] == reason
    command = reason.partition("convert it: ")[2].replace("new.pem", w.path("new.pem"))
    words = [word.strip('"') for word in command.split()[1:]]
    keys.openssl(*words, "-passin", f"pass:{PASSWORD}", "-passout", f"pass:{PASSWORD}")
    assert w.verified(w.client(w.path("new.pem"), password=PASSWORD))[0]["x5t#S256"]
    pem = keys.encrypt_key(w.key, w.path("old.key"), PASSWORD, "-v1", "PBE-MD5-DES",
                           "-provider", "legacy", "-provider", "default")
    reason = w.refused("too old .*; convert it: openssl pkcs8 .*", pem, password=PASSWORD)
    command = reason.partition("convert it: ")[2].replace("new.pem", w.path("new.pem"))
    words = [word.strip('"') for word in command.split()[1:]]
    keys.openssl(*words, "-passin", f"pass:{PASSWORD}", "-passout", f"pass:{PASSWORD}")
    w.verified(w.client(w.path("new.pem"), password=PASSWORD))


@tap.promise
def large_files(w):
    "a file of 64 KiB is read, one byte more is refused"
    with open(w.key, "rb") as f:
        key = f.read()
    w.verified(w.client(w.file("full", b"\n" * (65536 - len(key)), key)))
    for path in (w.file("more", b"\n" * (65537 - len(key)), key), w.file("huge", bytes(10000000))):
        w.refused("is longer than 65536 bytes", path)
        w.refused("is longer than 65536 bytes", w.key, path)


@tap.promise
def costly_password(w):
    "PKCS#12 that wants its password hashed for minutes is refused"
    slow = keys.make_pkcs12(w.key, w.cert, w.path("slow.p12"), PASSWORD, "-iter", "1100000",
                            "-keypbe", "NONE", "-certpbe", "NONE")
    w.refused("too slow; convert it", slow, password=PASSWORD)


@tap.promise
def bad_requests(w):
    "a request that makes no sense gets status=bad"
    for change in ({"operation": None}, {"operation": "steal"}, {"client_id": None},
                   {"audience": None}, {"algorithm": "HS256"}, {"algorithm": "none"},
                   {"lifetime": 0}, {"lifetime": 3601}, {"lifetime": "x"},
                   {"operation": "grant_assertion"}, {"client_id": "x" * 20000}):
        reply = w.client(w.key, **change)
        assert reply["status"] == "bad" and "assertion" not in reply, (change, reply)
    for text in ("", "\n", "protocol=2\n\n", "protocol=1\na=1\n", "protocol=1\na=1\na=2\n\n",
                 "protocol=1\n\nmore", "protocol=1\npassword=a\x01\n\n", "x" * 100000):
        rc, out, err = w.env.run(["sh", "-c", 'exec "$0" 3<"$1"', SIGN, w.key], input=text)
        reply, = protocol.decode(out.encode())
        assert (rc, err, reply["status"]) == (0, "", "bad"), (text, out)


@tap.promise
def descriptors(w):
    "no key is status=bad; a directory as the key is said; without 0, 1 or 2 it ends with 70"
    reply = w.client(None)
    assert reply["status"] == "bad" and "descriptor 3" in reply["reason"], reply
    w.refused("cannot be read: .*directory", w.dir)
    w.refused("cannot be read: .*directory", w.key, w.dir)
    for closed in ("<&-", ">&-", "2>&-"):
        done = w.env.run(["sh", "-c", f'exec "$0" 3<"$1" {closed}', SIGN, w.key], input="")
        assert (done.rc, done.stdout) == (70, ""), (closed, done)
    message = w.message(operation="check")
    done = w.env.run(["sh", "-c", 'exec "$0" 3<"$1" >/dev/full', SIGN, w.key], input=message)
    assert (done.rc, done.stderr) == (70, ""), done


@tap.promise
def arguments(w):
    "it takes no arguments but --version and --help"
    assert re.fullmatch(r"sasl-bearer-sign \S+\n", w.env.run([SIGN, "--version"]).stdout)
    assert w.env.run([SIGN, "--help"])[::2] == (0, "")
    for words in (["x"], ["--version", "x"], ["--password=x"]):
        rc, out, err = w.env.run([SIGN, *words])
        assert (rc, out) == (64, "") and err.startswith("usage: ") and err.count("\n") == 1, err


def start(w, key=None, program=SIGN, **popen):
    """Start it with a key, or another file in its place, and with stdin left open."""
    return subprocess.Popen(["sh", "-c", 'exec "$0" 3<"$1"', program, key or w.key],
                            env=environment({}), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **popen)


def running(process, name="sasl-bearer-sign"):
    """Wait until the shell has become the program, and that waits for its request."""
    def ready():
        with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
            text = f.read()
        return f"Name:\t{name[:15]}\n" in text and re.search(r"NoNewPrivs:\s+1", text)
    wait_for(ready, what="sasl-bearer-sign waits for its request")
    return f"/proc/{process.pid}"


@tap.promise
def guarded(w):
    "while it runs: no core, no new privileges, no inherited descriptor; signals do not stop it"
    with open("/etc/passwd", "rb") as f:
        leaked = fcntl.fcntl(f, fcntl.F_DUPFD, 10)
    process = start(w, pass_fds=[leaked])
    os.close(leaked)
    proc = running(process)
    with open(proc + "/limits", encoding="ascii") as f:
        assert re.search(r"Max core file size +0 +0 ", f.read())
    wait_for(lambda: set(os.listdir(proc + "/fd")) <= set("01234"), what="only its descriptors")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(process.pid, number)
    out, err = process.communicate(w.message(operation="check"), timeout=10)
    assert (process.returncode, err) == (0, "") and "status=ok" in out, (process.returncode, out, err)


@tap.promise
def not_dumpable(w):
    "other processes of the same user can neither read its memory nor its environment"
    tap.need(os.geteuid() == 0, "uid 0")
    copy = shutil.copy(SIGN, w.env.path("sign"))
    key = shutil.copy(w.key, w.env.path("key"))
    os.chown(key, 65534, 65534)
    process = start(w, key, copy, user=65534, group=65534, extra_groups=[])
    proc = running(process, "sign")
    assert os.stat(proc + "/environ").st_uid == 0
    out, err = process.communicate(w.message(operation="check"), timeout=10)
    assert "status=ok" in out, (out, err)


@tap.promise
def ends(w):
    "it ends by itself when its input, or its key's file, does not"
    pipe = w.path("pipe")
    os.mkfifo(pipe)
    writer = os.open(pipe, os.O_RDWR)
    waiting = [start(w), start(w, pipe)]
    waiting[1].stdin.write(w.message(operation="check"))
    waiting[1].stdin.close()
    for process in waiting:
        assert process.wait(40) == 70, process.returncode
        assert process.stdout.read() == "" == process.stderr.read()
    os.close(writer)


tap.main(setup, programs=["openssl"])
