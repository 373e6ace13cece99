#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""grants - tokens without a person: certificates, platforms, machines, other programs"""

import json
import os
import pwd
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import keys
import tap
from assertions import TYPE, Application, Certificate, Federated, jwt_read, jwt_sign
from env import wait_for
from helper import endpoints
from oauthd import Reply
from oidc import CERTIFIED, OidcProvider
from world import APP, Stage, in_days

ALICE = "alice@example.com"
BOB = "bob@example.com"

# prints a token, and writes to a file what it was given
PROGRAM = """\
#!/usr/bin/python3
import json, os, sys
seen = {{"argv": sys.argv, "environment": dict(os.environ), "input": sys.stdin.read(),
        "uid": os.getuid(), "descriptors": sorted(map(int, os.listdir("/proc/self/fd")))}}
with open(sys.argv[1], "w") as f:
    json.dump(seen, f)
print("{token}")
"""


# ---- an application with a certificate


@tap.promise
def certificate(stage):
    "a certificate proves the application: a new assertion for each token, and no secret"
    server, helper = stage.certified()
    helper.start()
    before = int(time.time())
    assert helper.token()["status"] == "ok", helper.log()
    assert helper.request({"request": "refresh", "account": "app"})["status"] == "ok"
    forms = [request.form for request in server.seen("token")]
    assert len(forms) == 2, forms
    for form in forms:
        assert form["client_assertion_type"] == TYPE and "client_secret" not in form, form
        assert form["grant_type"] == "client_credentials" and form["client_id"] == "app", form
        header, claims = jwt_read(form["client_assertion"])
        assert header == Certificate(helper.accounts["app"]["client_certificate"]).headers[0]
        assert claims["aud"] == server.endpoint("token"), claims
        assert claims["iss"] == claims["sub"] == "app", claims
        assert before <= claims["iat"] <= time.time() and 0 < claims["exp"] - claims["nbf"] <= 600
    ids = [jwt_read(form["client_assertion"])[1]["jti"] for form in forms]
    assert ids[0] != ids[1] and len(ids[0]) >= 20, ids
    stage.end()


@tap.promise
def certificate_rs256(stage):
    "client_assertion_alg = RS256 signs so, and names the certificate by its SHA-1"
    server, helper = stage.certified({"app": {"client_assertion_alg": "RS256"}})
    helper.start()
    assert helper.token()["status"] == "ok", helper.log()
    header, _ = jwt_read(server.seen("token")[0].form["client_assertion"])
    assert header["alg"] == "RS256" and set(header) == {"alg", "typ", "x5t"}, header
    stage.end()


@tap.promise
def certificate_files(stage):
    "key and certificate may be one file: PEM or PKCS#12, under a password or not"
    key = stage.key("app")
    pem = stage.certificate(key, end=in_days(100))
    server, helper = stage.begin(clients={"app": Application(pem)})
    with open(key, "rb") as f, open(pem, "rb") as g:
        both = f.read() + g.read()
    word = stage.hide("the password", "pass word of the key")
    password = helper.secret_file("password", word + "\n")
    locked = keys.encrypt_key(key, stage.where + "/locked.key", word)
    files = {
        "pem": {"client_certificate": helper.secret_file("both.pem", both)},
        "locked": {"client_certificate": pem, "client_key": stage.install(locked),
                   "client_key_password_file": password},
        "p12": {"client_certificate": stage.install(
            keys.make_pkcs12(key, pem, stage.where + "/open.p12"))},
        "locked-p12": {"client_certificate": stage.install(
            keys.make_pkcs12(key, pem, stage.where + "/locked.p12", word)),
            "client_key_password_file": password},
    }
    for name, proof in files.items():
        helper.accounts[name] = {**APP, **proof, "user": f"{name}@example.com"}
    helper.start()
    for name in files:
        reply = helper.token(f"{name}@example.com")
        assert reply["status"] == "ok", (name, reply, helper.log())
    assert len(server.seen("token")) == len(files)
    stage.end()


@tap.promise
def certificate_refused(stage):
    "a certificate that the provider does not know: its words, and nothing is hammered"
    server, helper = stage.certified()
    server.clients["app"].register(stage.certificate(stage.key("other")))
    helper.start()
    for _ in range(3):
        reply = helper.token()
        assert reply["status"] == "config" and "AADSTS700027" in reply["reason"], reply
    assert len(server.seen("token")) == 1
    assert helper.list()["app"]["state"] == "config"
    stage.end(reply["reason"] + "." * 100)


@tap.promise
def certificate_mismatch(stage):
    "a key that does not belong to the certificate is never used, and both files are named"
    server, helper = stage.certified()
    other = stage.install(stage.key("other"))
    helper.accounts["app"]["client_key"] = other
    done = helper.check()
    assert done.rc == 78 and other in done.stderr + done.stdout, done
    helper.start()
    reply = helper.token()
    assert reply["status"] == "config" and other in reply["reason"], reply
    assert not server.seen("token"), "it was asked all the same"
    stage.end(str(done) + str(reply))


@tap.promise
def certificate_check(stage):
    "--check: a certificate that has ended, or is missing, is an error that names the file"
    _, helper = stage.certified()
    assert helper.check().rc == 0, helper.check()
    good = helper.accounts["app"]
    ended = stage.certificate(f"{stage.where}/app.key", start=in_days(-20), end=in_days(-1))
    both = helper.secret_file("both.pem", "".join(
        open(good[name], encoding="ascii").read() for name in ("client_key", "client_certificate")))
    os.chmod(both, 0o644)
    rows = [
        ({"client_certificate": ended}, ended, "expired|ended"),
        ({"client_key": None, "client_certificate": both}, both, f"chmod 6[04]0 {both}"),
        ({"client_certificate": "/nowhere/app.pem"}, "/nowhere/app.pem", "No such file"),
        ({"client_key": "/nowhere/app.key"}, "/nowhere/app.key", "No such file"),
        ({"client_certificate": helper.config}, helper.config, "certificate"),
        ({"client_key": good["client_certificate"]}, good["client_certificate"], "key"),
    ]
    for change, path, words in rows:
        helper.accounts["app"] = {**good, **change}
        done = helper.check()
        assert done.rc == 78, (change, done)
        said = [line for line in (done.stdout + done.stderr).splitlines() if path in line]
        assert said and re.search(words, "".join(said)), (change, done)
    helper.accounts["app"] = good
    helper.start()
    assert helper.token()["status"] == "ok", helper.log()
    stage.end()


@tap.promise
def certificate_ends_soon(stage):
    "a certificate with less than 30 days left: --check warns, the log does once a day, and `list`"
    server, helper = stage.certified()
    path = helper.accounts["app"]["client_certificate"]
    done = helper.check()
    assert done.rc == 0 and path not in done.stderr, done
    end = in_days(10.5)
    soon = stage.certificate(f"{stage.where}/app.key", end=end)
    server.clients["app"].register(soon)
    helper.accounts["app"]["client_certificate"] = soon
    done = helper.check()
    assert done.rc == 0 and re.search(f"warning: .*{soon} ends in 10 days", done.stderr), done
    helper.start()
    for _ in range(2):
        reply = helper.request({"request": "refresh", "account": "app"})
        assert reply["status"] == "ok", reply
    assert int(helper.list()["app"]["certificate_expires_at"]) == int(end.timestamp())
    assert helper.store("app", {"access_token": "given", "expires_in": 3600})["status"] == "ok"
    assert helper.stop() == 0
    helper.start()      # known before the next one is signed
    assert int(helper.list()["app"]["certificate_expires_at"]) == int(end.timestamp())
    stage.end()         # which also writes how often a line was repeated
    warnings = [line for line in helper.log().splitlines() if "certificate" in line]
    assert len(warnings) == 1 and f"{soon} ends in 10 days" in warnings[0], warnings


@tap.promise
def certificate_peer(stage):
    "oidc-provider: it accepts PS256, RS256, and an endpoint that was looked up; no other key"
    _, helper = stage.certified(helper={"providers": {"bare": {"title": "Bare"}}})
    path = helper.accounts["app"]["client_certificate"]
    provider = OidcProvider(stage.env, tls=True, certificate=path).start()
    other = stage.key("other")
    proofs = {"PS256": {}, "RS256": {"client_assertion_alg": "RS256"},
              "issuer": {"token_endpoint": None, "provider": "bare", "issuer": provider.url},
              "other": {"client_key": stage.install(other),
                        "client_certificate": stage.certificate(other)}}
    app = helper.accounts.pop("app")
    for name, proof in proofs.items():
        helper.accounts[name] = {**app, "client_id": CERTIFIED, "scope": "mail",
                                 "user": f"{name}@example.com", "hosts": "localhost",
                                 **endpoints(provider), **proof}
    helper.start()
    for name in ("PS256", "RS256", "issuer"):
        reply = helper.token(f"{name}@example.com")
        assert reply["status"] == "ok", reply
        assert provider.introspect(reply["token"])["active"]
    reply = helper.token("other@example.com")
    assert reply["status"] == "config" and "invalid_client" in reply["reason"], reply
    provider.stop()
    stage.end()


@tap.promise
def certificate_of_a_client_of_people(stage):
    "oidc-provider: a client with a certificate refreshes a person's rotating grant, and revokes it"
    _, helper = stage.certified()
    app = helper.accounts.pop("app")
    provider = OidcProvider(stage.env, tls=True, ttl=60,
                            certificate=app["client_certificate"]).start()
    helper.accounts["alice"] = {
        "client_id": CERTIFIED, "scope": "openid offline_access mail", "user": ALICE,
        "client_key": app["client_key"], "client_certificate": app["client_certificate"],
        **endpoints(provider)}
    helper.start()
    count = iter(range(100))

    def client():
        now = int(time.time())
        claims = {"aud": provider.endpoint("token"), "iss": CERTIFIED, "sub": CERTIFIED,
                  "jti": f"{next(count)}", "nbf": now, "iat": now, "exp": now + 300}
        proof = jwt_sign({"alg": "PS256", "typ": "JWT"}, claims, f"{stage.where}/app.key")
        return {"client_id": CERTIFIED, "client_assertion_type": TYPE, "client_assertion": proof}
    granted = provider.sign_in(ALICE, client=client)
    assert helper.store("alice", granted)["status"] == "ok"
    used = {granted["refresh_token"]}
    for _ in range(3):
        reply = helper.request({"request": "refresh", "account": "alice"})
        assert reply["status"] == "ok", reply
        used.add(helper.state("alice")["refresh_token"])
    assert len(used) == 4, "not rotated"
    reply = helper.token()
    assert provider.introspect(reply["token"])["username"] == ALICE
    stage.hide("an access token", reply["token"])
    for number, token in enumerate(used):
        stage.hide(f"refresh token {number}", token)
    gone = helper.request({"request": "forget", "account": "alice", "revoke": "yes"})
    assert gone["status"] == "ok" and gone["revoked"] == "yes", gone
    assert not provider.introspect(reply["token"])["active"]
    provider.stop()
    stage.end()


# ---- an application that a platform vouches for


class Platform:
    """Makes assertions about one program, and keeps the newest in a file."""

    def __init__(self, stage):
        self.stage, self.key = stage, stage.key("platform")
        self.claims = {"iss": "https://platform.example.com", "aud": "api://exchange",
                       "sub": "system:serviceaccount:mail:relay"}
        public = keys.public_key(self.key, stage.where + "/platform.public")
        self.client = Federated(self.claims["iss"], self.claims["sub"], self.claims["aud"], public)

    def assertion(self, lifetime=600, **claims):
        end = int(time.time()) + lifetime
        return jwt_sign({"alg": "RS256", "kid": "1"}, {**self.claims, "exp": end, **claims},
                        self.key)

    def write(self, name, assertion):
        """Put it where everybody may read it, as platforms do."""
        return self.stage.env.write(f"platform/{name}", assertion, 0o644)


def approving(server):
    """Approve the next device code of a server, once it was polled for."""
    def person():
        wait_for(lambda: server.devices and server.seen("token"), 30, "a device code, polled for")
        for device in list(server.devices.values()):
            server.approve(device["user_code"], ALICE)
    thread = threading.Thread(target=person, daemon=True)
    thread.start()
    return thread


@tap.promise
def certificate_login(stage):
    "`sasl-bearer login` proves the client by its certificate, with a new assertion each time"
    server, helper = stage.certified({"alice": {"grant": None, "user": ALICE,
                                               "scope": "mail offline_access"}})
    helper.start()
    person = approving(server)
    done = helper.cli("login", "--device", "alice")
    person.join(10)
    assert done.rc == 0, done
    forms = [request.form for request in server.seen()]
    assert len(forms) >= 3, forms
    for form in forms:
        assert form["client_assertion_type"] == TYPE and "client_secret" not in form, form
    ids = [jwt_read(form["client_assertion"])[1]["jti"] for form in forms]
    assert len(set(ids)) == len(ids), ids
    assert helper.request({"request": "refresh", "account": "alice"})["status"] == "ok"
    assert helper.token()["status"] == "ok", helper.log()
    server.clients["app"] = Application()       # not registered any more
    done = helper.cli("login", "--device", "alice")
    assert done.rc == 78 and "invalid_client" in done.stderr, done
    assert "certificate" in done.stderr and "--client-secret-file" not in done.stderr, done
    os.unlink(helper.accounts["alice"]["client_key"])
    done = helper.cli("login", "--device", "alice")
    assert done.rc == 78 and helper.accounts["alice"]["client_key"] in done.stderr, done
    stage.end()


@tap.promise
def federated(stage):
    "assertion_file proves the application; it is read anew for every token, through links"
    platform = Platform(stage)
    server, helper = stage.begin(clients={"app": platform.client})
    newest = platform.write("..1/token", platform.assertion())
    platform.write("..2/token", platform.assertion(1200) + "\n")
    link = stage.env.path("platform/token")
    os.symlink("..1", stage.env.path("platform/..data"))
    os.symlink("..data/token", link)
    helper.accounts["app"] = {**APP, "assertion_file": link}
    helper.start()
    assert helper.token()["status"] == "ok", helper.log()
    os.symlink("..2", stage.env.path("platform/..new"))
    os.rename(stage.env.path("platform/..new"), stage.env.path("platform/..data"))
    assert helper.request({"request": "refresh", "account": "app"})["status"] == "ok"
    sent = [request.form["client_assertion"] for request in server.seen("token")]
    wanted = [open(path, encoding="ascii").read().strip() for path in (newest, link)]
    assert sent == wanted and sent[0] != sent[1]
    form = server.seen("token")[0].form
    assert form["client_assertion_type"] == TYPE and "client_secret" not in form, form
    stage.end()


@tap.promise
def federated_environment(stage):
    "the variables of Azure's workload identity say tenant, client and file"
    platform = Platform(stage)
    path = platform.write("azure", platform.assertion())
    server, helper = stage.begin(
        clients={"app-of-azure": platform.client},
        helper={"environment": {"AZURE_CLIENT_ID": "app-of-azure", "AZURE_TENANT_ID": "contoso",
                                "AZURE_FEDERATED_TOKEN_FILE": path}})
    helper.environment["AZURE_AUTHORITY_HOST"] = server.url + "/"
    helper.accounts["app"] = {
        **APP, "client_id": "${AZURE_CLIENT_ID}", "tenant": "${AZURE_TENANT_ID}",
        "assertion_file": "${AZURE_FEDERATED_TOKEN_FILE}",
        "token_endpoint": "${AZURE_AUTHORITY_HOST}{tenant}/oauth2/v2.0/token"}
    helper.accounts["lost"] = {**APP, "user": BOB, "assertion_file": "${NO_SUCH_FILE}"}
    helper.start()
    assert helper.token()["status"] == "ok", helper.log()
    seen = server.seen("token")[0]
    assert seen.form["client_id"] == "app-of-azure" and "/contoso/" in seen.path, seen
    reply = helper.token(BOB)
    assert reply["status"] == "config" and "NO_SUCH_FILE" in reply["reason"], reply
    stage.end()


@tap.promise
def federated_refused(stage):
    "an assertion that the provider does not take, or that is none: its words, or the file's name"
    platform = Platform(stage)
    server, helper = stage.begin(clients={"app": platform.client})
    rows = {
        "issuer": (platform.assertion(iss="https://else"), "AADSTS700211"),
        "subject": (platform.assertion(sub="else"), "AADSTS700213"),
        "audience": (platform.assertion(aud="else"), "AADSTS700212"),
        "ended": (platform.assertion(-5), "AADSTS700024"),
        "empty": ("", "platform/empty"),
        "lines": ("a\nb\n", "platform/lines"),
        "open": (platform.assertion(), "chmod go-w"),
    }
    for name, (assertion, _) in rows.items():
        helper.accounts[name] = {**APP, "user": f"{name}@example.com",
                                 "assertion_file": platform.write(name, assertion)}
    os.chmod(helper.accounts["open"]["assertion_file"], 0o666)
    path = stage.env.path("platform/missing")
    helper.accounts["missing"] = {**APP, "user": "missing@example.com", "assertion_file": path}
    helper.start()
    for name, (_, words) in [*rows.items(), ("missing", (None, path))]:
        reply = helper.token(f"{name}@example.com")
        assert reply["status"] == "config" and words in reply["reason"], (name, reply)
    assert len(server.seen("token")) == 4
    stage.end()


# ---- the machine's own identity


def machine(stage, accounts, helper=None, **options):
    """A helper, started, on a machine with a metadata service; accounts: their keys."""
    server, helper = stage.begin(helper=helper, **options)
    for name, more in accounts.items():
        helper.accounts[name] = {
            "user": f"{name}@example.com", "grant": "managed_identity", "client_id": None,
            "identity_endpoint": server.identity_endpoint,
            "identity_resource": "https://outlook.office365.com", **more}
    helper.start()
    return server, helper


@tap.promise
def identity(stage):
    "a managed identity asks the metadata service, past any proxy, and believes its end"
    server, helper = machine(stage, {"vm": {}}, expires_in=7200,
                             helper={"settings": {"proxy": f"http://127.0.0.1:{stage.env.port()}"}})
    reply = helper.token("vm@example.com")
    assert reply["status"] == "ok", reply
    assert 7190 <= int(reply["expires_at"]) - time.time() <= 7201, reply
    seen = server.seen("token")[0]
    assert seen.method == "GET" and not seen.body, seen
    assert seen.headers["metadata"] == "true" and "x-forwarded-for" not in seen.headers, seen
    assert seen.query == {"api-version": "2018-02-01",
                          "resource": "https://outlook.office365.com"}, seen.query
    stage.end()


@tap.promise
def identities(stage):
    "of several identities the one is asked for that the account names, in one of three ways"
    names = {"client": ("client_id", "client_id"), "object": ("identity_object_id", "object_id"),
             "resource": ("identity_resource_id", "msi_res_id")}
    value = "/subscriptions/1 & 2/id"
    server, helper = machine(
        stage, {name: {key: value} for name, (key, _) in names.items()} | {
            "other": {"client_id": "nobody"}},
        identities=[{query: value} for _, query in names.values()])
    for name, (_, query) in names.items():
        reply = helper.token(f"{name}@example.com")
        assert reply["status"] == "ok", reply
        assert server.seen("token")[-1].query[query] == value
    reply = helper.token("other@example.com")
    assert reply["status"] == "config" and "Identity not found" in reply["reason"], reply
    stage.end()


@tap.promise
def identity_busy(stage):
    "404, 410, 429 and 500 of the metadata service are temporary: it is asked again, later"
    statuses = {"a": 404, "b": 410, "c": 429, "d": 500}
    server, helper = machine(stage, {name: {"client_id": name} for name in statuses})
    refused = set()

    def busy(request):
        name = request.query["client_id"]
        if name in refused:
            return None
        refused.add(name)
        text = "<html>" if name == "d" else '{"error":"not_now","error_description":"busy"}'
        return Reply(statuses[name], body=text)
    server.always("token", busy)
    for name, status in statuses.items():
        reply = helper.token(f"{name}@example.com")
        assert reply["status"] == "temporary" and str(status) in reply["reason"], reply
        assert helper.list()[name]["state"] == "backoff"
    assert len(server.seen("token")) == len(statuses), "hammered"
    for name in statuses:       # nobody has to do anything but wait
        stage.status(f"{name}@example.com", "ok")
    assert len(server.seen("token")) == 2 * len(statuses)
    stage.end()


@tap.promise
def identity_waits_as_told(stage):
    "Retry-After of the metadata service is obeyed"
    server, helper = machine(stage, {"vm": {}})
    server.script("token", Reply(429, headers={"Retry-After": "77"}))
    reply = helper.token("vm@example.com")
    assert reply["status"] == "temporary" and 70 <= int(reply["retry_after"]) <= 78, reply
    assert helper.token("vm@example.com")["status"] == "temporary"
    assert len(server.seen("token")) == 1
    stage.end()


# ---- another program's tokens: it is run


def script(stage, name, text, mode=0o755):
    """A program; returns its path."""
    return stage.env.write(f"programs/{name}", text, mode)


def commanded(stage, accounts, **helper):
    """A helper, started, with accounts that run a command: {name: words, or keys}."""
    _, helper = stage.begin(helper=helper)
    for name, words in accounts.items():
        more = words if isinstance(words, dict) else {"command": words}
        helper.accounts[name] = {"user": f"{name}@example.com", "grant": "command",
                                 "client_id": None, **more}
    return helper.start()


@tap.promise
def command(stage):
    "a command is run as it stands: no shell, no input, the daemon's user, none of its secrets"
    place = stage.env.mkdir("record", 0o777)
    credentials = stage.env.mkdir("credentials")
    token = stage.hide("the token", "token-of-a-program-0123456789abcdef01234")
    path = script(stage, "record", PROGRAM.format(token=token))
    words = [path, place + "/1", "$HOME", "a;b", "*", "'x", "`id`", "~", "${HOME}", "--", "\\n"]
    helper = commanded(stage, {"alice": words}, environment={
        "CREDENTIALS_DIRECTORY": credentials, "LISTEN_PID": "1", "LISTEN_FDNAMES": "x",
        "WATCHDOG_USEC": "0"})
    reply = helper.token()
    assert reply["status"] == "ok" and reply["token"] == token, (reply, helper.log())
    with open(place + "/1", encoding="utf-8") as f:
        seen = json.load(f)
    assert seen["argv"] == words, seen["argv"]
    assert seen["input"] == "" and seen["descriptors"] == [0, 1, 2, 3], seen  # 3: the listing's
    secret = {"NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "LISTEN_PID", "LISTEN_FDS",
              "LISTEN_FDNAMES", "WATCHDOG_USEC"}
    assert not secret & set(seen["environment"]), seen["environment"]
    assert "PATH" in seen["environment"], "a program needs one"
    owner = pwd.getpwnam(helper.run_as).pw_uid if helper.run_as else os.geteuid()
    assert seen["uid"] == owner, seen
    assert helper.token()["token"] == token and helper.list()["alice"]["grant"] == "command"
    stage.end()


@tap.promise
def command_output(stage):
    "a command may print the token alone, or lines that say when it ends"
    now = int(time.time())
    rows = {
        "alone": ("token-1", 300), "newline": ("token-2\n", 300), "crlf": ("token-3\r\n", 300),
        "padded": ("dG9rZW4tNA==\n", 300),
        "named": ("access_token=token-5\n", 300),
        "in": ("access_token=token-6\nexpires_in=1234\n", 1234),
        "at": (f"expires_at={now + 5000}\naccess_token=token-7\nother=x\n", 5000),
    }
    path = script(stage, "print", '#!/bin/sh\ncat "$1"\n')
    accounts = {name: [path, stage.env.write(f"programs/{name}.txt", text)]
                for name, (text, _) in rows.items()}
    accounts["own"] = {"command": accounts["alone"], "token_lifetime": "20m"}
    helper = commanded(stage, accounts)
    for name, (text, life) in [*rows.items(), ("own", ("token-1", 1200))]:
        reply = helper.token(f"{name}@example.com")
        assert reply["status"] == "ok", (name, reply)
        assert reply["token"] in text and len(reply["token"]) >= 7, (name, reply)
        left = int(reply["expires_at"]) - time.time()
        assert life - 60 <= left <= life + 1, (name, left)
    stage.end()


@tap.promise
def command_fails(stage):
    "a command that fails: the reason has its name, its status and its last words; no output"
    rows = {
        "status": ("echo first >&2; echo the broker is down >&2; echo '' >&2; exit 3",
                   ["status 3", "the broker is down"]),
        "quiet": ("exit 4", ["status 4"]),
        "killed": ("kill -9 $$", ["9|KILL"]),
        "control": (r"printf 'a\033[31mred\001\n' >&2; exit 5", ["status 5", "red"]),
        "nothing": ("exit 0", ["token"]),
        "blank": ("echo", ["token"]),
        "words": ("echo here is your token", ["token"]),
        "twice": ("echo one; echo two", ["token"]),
        "html": ("echo '<html>'", ["token"]),
        "long": ("head -c 40000 /dev/zero | tr '\\0' a", ["token"]),
        "endless": ("exec tr '\\0' a </dev/zero", ["too long"]),
        "end": ("printf 'access_token=t\\nexpires_in=soon\\n'", ["expires_in"]),
        "past": ("printf 'access_token=t\\nexpires_at=1000\\n'", ["expired"]),
    }
    secret = stage.hide("what it printed", "0123456789-a-token-that-nobody-may-see-9876543210")
    accounts = {}
    for name, (text, _) in rows.items():
        line = f"echo {secret}\n" if "exit" in text and name != "nothing" else ""
        accounts[name] = [script(stage, name, f"#!/bin/sh\n{line}{text}\n")]
    accounts["missing"] = ["/nowhere/broker"]
    accounts["mode"] = [script(stage, "mode", "#!/bin/sh\necho t\n", 0o644)]
    rows["missing"], rows["mode"] = ("", ["No such file"]), ("", ["denied"])
    helper = commanded(stage, accounts)
    for name, (_, words) in rows.items():
        reply = helper.token(f"{name}@example.com")
        assert reply["status"] in ("temporary", "config"), (name, reply)
        assert accounts[name][0] in reply["reason"], (name, reply)
        for word in words:
            assert re.search(word, reply["reason"]), (name, word, reply)
        assert secret not in reply["reason"] and "\033" not in reply["reason"], reply
    stage.end()


@tap.promise
def command_hangs(stage):
    "a command that does not end is killed after fetch_timeout, with all that it started"
    place = stage.env.mkdir("hang", 0o777)
    path = script(stage, "hang", '#!/bin/sh\nsleep 1000 &\necho $! $$ >"$1.new"\n'
                  'mv "$1.new" "$1"\nwait\n')
    helper = commanded(stage, {"alice": [path, place + "/pids"]}, settings={"fetch_timeout": "1s"})
    reply = helper.token()
    assert reply["status"] == "temporary" and path in reply["reason"], reply
    with open(place + "/pids", encoding="ascii") as f:
        pids = f.read().split()
    for pid in pids:
        wait_for(lambda pid=pid: not running(pid), 10, f"the end of {pid}")
    stage.end()


def running(pid):
    """Whether a process lives and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@tap.promise
def command_talks_too_much(stage):
    "what a command writes to its errors, or leaves running, does not hold it up"
    helper = commanded(stage, {
        "chatty": [script(stage, "chatty", "#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' x >&2\n"
                          "echo token-1\n")],
        "agent": [script(stage, "agent", "#!/bin/sh\nsleep 1000 &\necho token-2\n")],
        "closed": [script(stage, "closed", "#!/bin/sh\necho token-3\nexec >&- 2>&-\nsleep 0.2\n")],
    }, settings={"fetch_timeout": "4s"})
    for number, name in enumerate(("chatty", "agent", "closed"), 1):
        reply = helper.token(f"{name}@example.com")
        assert reply.get("token") == f"token-{number}", (name, reply)
    stage.end()


@tap.promise
def command_of_a_user(stage):
    "a user's own helper runs a command as that user, and again when its token is rejected"
    tap.need(os.geteuid() == 0, "uid 0")
    place = stage.env.mkdir("own", 0o777)
    path = script(stage, "own", '#!/bin/sh\nid -u >>"$1"\necho token-$(wc -l <"$1")\n')
    helper = commanded(stage, {"alice": [path, place + "/uid"]}, user="games")
    reply = helper.token(uid="games")
    assert reply.get("token") == "token-1", reply
    done = helper.request({"request": "reject", "user": ALICE, "service": "imap",
                           "host": "localhost", "token_id": reply["token_id"], "detail": "401"})
    assert done["action"] == "refresh", done
    wait_for(lambda: helper.token()["token"] == "token-2", what="the second token")
    with open(place + "/uid", encoding="ascii") as f:
        assert f.read().split() == [str(pwd.getpwnam("games").pw_uid)] * 2
    stage.end()


@tap.promise
def command_is_run_once(stage):
    "however many ask, a command is run once for each token; a slow one holds up nobody else"
    place = stage.env.mkdir("count", 0o777)
    slow = script(stage, "slow", '#!/bin/sh\necho x >>"$1"\nwhile [ ! -e "$1.go" ]; do sleep 0.1\n'
                  "done\necho slow-token\n")
    helper = commanded(stage, {"slow": [slow, place + "/runs"],
                               "quick": [script(stage, "quick", "#!/bin/sh\necho quick-token\n")]})
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(helper.token("slow@example.com")))
               for _ in range(10)]
    for thread in threads:
        thread.start()
    wait_for(lambda: os.path.exists(place + "/runs"), what="the command's start")
    assert helper.token("quick@example.com")["token"] == "quick-token"
    assert not replies, replies
    stage.env.write("count/runs.go", "")
    for thread in threads:
        thread.join(20)
    assert {reply.get("token") for reply in replies} == {"slow-token"} and len(replies) == 10
    with open(place + "/runs", encoding="ascii") as f:
        assert f.read() == "x\n"
    stage.end()


@tap.promise
def command_reload(stage):
    "a reload that changes the command takes effect"
    one, two = (script(stage, name, f"#!/bin/sh\necho token-{name}-$1\n")
                for name in ("one", "two"))
    helper = commanded(stage, {"alice": [one, "a"]})
    assert helper.token()["token"] == "token-one-a"
    for words, token in (([two, "a"], "token-two-a"), ([two, "b"], "token-two-b")):
        helper.accounts["alice"]["command"] = words
        assert helper.reload()["status"] == "ok"
        assert helper.request({"request": "refresh", "account": "alice"})["status"] == "ok"
        assert helper.token()["token"] == token
    stage.end()


# ---- another program's tokens: a file


def filed(stage, files):
    """A helper, started, with an account for each {name: content of its token_file}."""
    _, helper = stage.begin()
    for name, text in files.items():
        helper.accounts[name] = {"user": f"{name}@example.com", "grant": "file", "client_id": None,
                                 "token_file": helper.secret_file(f"{name}.token", text)}
    return helper.start()


def renew(helper, name, text):
    """What a careful agent does: a new file takes the place of the old one."""
    path = helper.accounts[name]["token_file"]
    new = helper.secret_file(f"{name}.token.new", text)
    os.rename(new, path)


@tap.promise
def file(stage):
    "token_file has a token alone, or lines that say when it ends"
    end = int(time.time()) + 5000
    rows = {"alone": ("token-1\n", 300), "named": ("access_token=token-2\n", 300),
            "in": ("expires_in=1234\naccess_token=token-3", 1234),
            "at": (f"access_token=token-4\nexpires_at={end}\n", 5000)}
    helper = filed(stage, {name: text for name, (text, _) in rows.items()})
    for name, (text, life) in rows.items():
        reply = helper.token(f"{name}@example.com")
        assert reply["status"] == "ok" and reply["token"] in text, (name, reply)
        assert life - 60 <= int(reply["expires_at"]) - time.time() <= life + 1, (name, reply)
    stage.end()


@tap.promise
def file_replaced(stage):
    "a token file that is replaced is noticed, though the old token has not ended"
    old, new = ("old-token-0123456789abcdef0123456789abcdef",
                "new-token-0123456789abcdef0123456789abcdef")
    stage.hide("the old token", old)
    stage.hide("the new token", new)
    helper = filed(stage, {"alice": old})
    assert helper.token()["token"] == old
    renew(helper, "alice", new)
    wait_for(lambda: helper.token().get("token") == new, 15, "the new token")
    stage.end()


@tap.promise
def file_refused(stage):
    "a token file that is of no use: the reason names it, and the chmod for an open one"
    helper = filed(stage, {"open": "token", "words": "no token here", "empty": "",
                           "past": "access_token=t\nexpires_at=1000\n", "missing": "token",
                           "fifo": "token"})
    os.chmod(helper.accounts["open"]["token_file"], 0o644)
    for name in ("missing", "fifo"):
        os.unlink(helper.accounts[name]["token_file"])
    os.mkfifo(helper.accounts["fifo"]["token_file"])
    for name, words in (("open", "chmod 6[04]0"), ("words", "RFC 6750"), ("empty", "empty"),
                        ("past", "expired"), ("missing", "No such file"),
                        ("fifo", "not a regular file")):
        reply = helper.token(f"{name}@example.com")
        path = helper.accounts[name]["token_file"]
        assert reply["status"] in ("config", "temporary"), (name, reply)
        assert path in reply["reason"] and re.search(words, reply["reason"]), (name, reply)
    stage.end()


# ---- 11: what is mended is noticed


@tap.promise
def mended_files(stage):
    "a replaced secret, key, certificate, assertion or token file ends a config error at once"
    platform = Platform(stage)
    key, old = stage.key("app"), stage.key("old")
    good, stale = stage.certificate(key, end=in_days(99)), stage.certificate(old, end=in_days(99))
    word, wrong = "a word for the app", "password of nothing"
    server, helper = stage.begin(clients={
        "secret": word, "app": Application(good), "fed": platform.client})
    locked = keys.encrypt_key(key, stage.where + "/locked.key", word)
    # name: (what the account has, file that is replaced, by what)
    install, text = stage.install, helper.secret_file
    rows = {
        "secret": ({"client_secret_file": text("s", wrong)}, "s", word),
        "both": ({"client_key": install(old, "k1"), "client_certificate": install(stale, "c1")},
                 "k1", key),
        "key": ({"client_key": install(old, "k2"), "client_certificate": install(good, "c2")},
                "k2", key),
        "certificate": ({"client_key": install(key, "k3"),
                         "client_certificate": install(stale, "c3")}, "c3", good),
        "password": ({"client_key": install(locked, "k4"), "client_certificate": good,
                      "client_key_password_file": text("p4", wrong)}, "p4", word),
        "assertion": ({"assertion_file": platform.write("token", platform.assertion(sub="x"))},
                      None, None),
        "token": ({"grant": "file", "token_file": text("t", "no token"), "client_id": None,
                   "scope": None}, "t", "a-token"),
    }
    for name, (proof, _, _) in rows.items():
        client = {"secret": "secret", "assertion": "fed"}.get(name, "app")
        helper.accounts[name] = {**APP, "user": f"{name}@example.com", "client_id": client, **proof}
    helper.start()
    for name in rows:
        reply = helper.token(f"{name}@example.com")
        assert reply["status"] == ("temporary" if name == "token" else "config"), (name, reply)
    for name, (_, file, new) in rows.items():
        if file and os.path.isabs(new):
            install(new, file)
        elif file:
            text(file, new)
    install(good, "c1")
    platform.write("token", platform.assertion())
    for name in rows:           # before anyone asks
        wait_for(lambda name=name: helper.list()[name]["state"] == "fresh", 15, name)
        assert helper.token(f"{name}@example.com")["status"] == "ok"
    stage.hide("the password", word)
    stage.end()


@tap.promise
def mended_mode(stage):
    "the chmod that an error asks for ends it"
    _, helper = stage.certified()
    path = helper.accounts["app"]["client_key"]
    os.chmod(path, 0o644)
    done = helper.check()
    assert done.rc == 78 and re.search(rf"chmod 6[04]0 {re.escape(path)}", str(done)), done
    helper.start()
    reply = helper.token()
    assert reply["status"] == "config" and f"{path}" in reply["reason"], reply
    words = re.search(r"chmod (6[04]0)", reply["reason"])
    assert words, reply
    os.chmod(path, int(words.group(1), 8))
    stage.status(ALICE, "ok")
    stage.end()


tap.main(Stage, timeout=240)
