#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""stack - the test library itself: real servers, without a line of our C"""

import base64
import json
import os
import re
import signal
import sys
import time
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import keys
import oidc
import tap
from assertions import TYPE, Application, Certificate, Federated, ServiceAccount, jwt_sign
from env import can_connect, wait_for
from mail import Dovecot, Postfix, Sink, cyrus_test, mbsync
from oauthd import OAuthServer, Reply
from oidc import OidcProvider

ALICE = "alice@example.com"
MECHANISMS = {"XOAUTH2": b'"status":"401"', "OAUTHBEARER": b'"invalid_token"'}


# starts two processes, one of which is nobody's child, and hangs
SCRIPT = """\
import sys
sys.path.insert(0, {lib!r})
import tap
from env import children, wait_for

@tap.promise
def hangs(env):
    "hangs"
    env.start("one", ["sleep", "1000"])
    env.run(["sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 &"], uid="nobody")
    wait_for(lambda: len(children()) == 2)
    tap.note(" ".join([env.dir, *map(str, children())]))
    env.run(["sleep", "1000"], timeout=1000)

tap.main()
"""


class Stack:
    """An OAuth server, a Dovecot that asks it, a sink behind Dovecot."""

    def __init__(self, env):
        self.env = env
        self.oauth = OAuthServer(tls=env.tls(), log=env.log_file("oauthd")).start()
        self.sink = Sink(env)
        self.dovecot = Dovecot(env, self.oauth, sink=self.sink,
                               passwords={ALICE: "secret"}).start()

    def post(self, kind, timeout=5, **form):
        """POST to the OAuth server; returns (status, JSON)."""
        data = urllib.parse.urlencode(form).encode()
        opener = oidc.opener(self.env.tls().client())
        try:
            with opener.open(self.oauth.endpoint(kind), data, timeout=timeout) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as e:
            return e.code, json.loads(e.read())

    def refresh(self, token):
        return self.post("token", grant_type="refresh_token", client_id="test-client",
                         refresh_token=token)


@tap.promise
def oauth_device(stack):
    "oauthd: the device flow waits, slows down, and gives tokens once approved"
    _, device = stack.post("devicecode", client_id="c", scope="mail offline_access")
    poll = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": "c",
            "device_code": device["device_code"]}
    status, answer = stack.post("token", **poll)
    assert (status, answer["error"], answer["error_codes"]) == (
        400, "authorization_pending", [70016])
    assert "\r\nTrace ID: " in answer["error_description"]
    stack.oauth.slow_down(device["user_code"])
    assert stack.post("token", **poll)[1]["error"] == "slow_down"
    stack.oauth.approve(device["user_code"], ALICE)
    status, answer = stack.post("token", **poll)
    assert status == 200 and answer["refresh_token"] and answer["expires_in"] == 3599


@tap.promise
def oauth_single_use(stack):
    "oauthd: the second use of a single-use refresh token revokes its family"
    stack.oauth.single_use = True
    first = stack.oauth.issue(ALICE)
    status, second = stack.refresh(first["refresh_token"])
    assert status == 200 and second["refresh_token"] != first["refresh_token"]
    for token in (first["refresh_token"], second["refresh_token"]):
        status, answer = stack.refresh(token)
        assert (status, answer["error"]) == (400, "invalid_grant")
    assert not stack.dovecot.login(ALICE, second["access_token"])[0]
    stack.oauth.single_use = False


@tap.promise
def oauth_script(stack):
    "oauthd: replies are scripted, and requests are seen"
    stack.oauth.forget()
    stack.oauth.script("token", Reply(503, json={}, headers={"Retry-After": "7"}),
                       Reply(close=True), Reply(json={"a": 1}, reset=True),
                       Reply(silent=True), Reply(json={"a": 1}, drip=0.01), None)
    assert stack.refresh("x")[0] == 503
    for limit in (20, 20, 2):
        try:
            stack.post("token", timeout=limit, secret="a&b+c%41=d")
        except (OSError, urllib.request.http.client.HTTPException):
            continue
        raise AssertionError("an answer")
    assert stack.post("token") == (200, {"a": 1})
    assert stack.refresh("x")[1]["error"] == "invalid_grant"
    seen = stack.oauth.wait_seen("token", 6)
    assert seen[0].form["refresh_token"] == "x" and seen[1].form["secret"] == "a&b+c%41=d"


@tap.promise
def oauth_down(stack):
    "oauthd: it can go away and come back at the same address"
    port = stack.oauth.port
    stack.oauth.stop()
    assert not can_connect(port)
    stack.oauth.start()
    assert stack.oauth.port == port and stack.refresh("x")[0] == 400


def assertion_is_refused(stack, sign, rows, **form):
    """What sign(change) makes is taken without a change, and refused with each of the rows."""
    name = "assertion" if form["grant_type"].endswith("jwt-bearer") else "client_assertion"
    status, answer = stack.post("token", **form, **{name: sign({})})
    assert status == 200, answer
    for change, words in rows:
        status, answer = stack.post("token", **form, **{name: sign(change)})
        assert status in (400, 401), (change, answer)
        assert words in f"{answer['error']}: {answer['error_description']}", (change, answer)


@tap.promise
def oauth_application(stack):
    "oauthd: an assertion of an application is verified, signature, header and claims"
    where = stack.env.mkdir("application")
    key, other = (keys.make_key(f"{where}/{name}.key") for name in ("one", "two"))
    certificate = keys.make_certificate(key, where + "/one.pem")
    ps256, rs256 = Certificate(certificate).headers
    now, count = int(time.time()), iter(range(100))

    def sign(change):
        header = change.get("header", ps256)
        claims = {"aud": stack.oauth.endpoint("token"), "iss": "app", "sub": "app",
                  "jti": f"{next(count)}", "nbf": now, "iat": now, "exp": now + 600,
                  **{n: v for n, v in change.items() if n not in ("header", "key")}}
        return jwt_sign(header, claims, change.get("key", key))
    stack.oauth.clients = {"app": Application(certificate)}
    form = {"grant_type": "client_credentials", "client_id": "app", "scope": "mail/.default"}
    assertion_is_refused(stack, sign, [
        ({"key": other}, "invalid_client: AADSTS700027"),
        ({"header": rs256, "key": other}, "AADSTS700027"),
        ({"header": {**ps256, "x5t#S256": rs256["x5t"]}}, "AADSTS700027"),
        ({"header": {"alg": "RS256", "typ": "JWT", "x5t#S256": ps256["x5t#S256"]}},
         "AADSTS700027"),
        ({"header": {"alg": "PS256", "typ": "JWT"}}, "AADSTS700027"),
        ({"iss": "another"}, "AADSTS700021"), ({"sub": "another"}, "AADSTS700021"),
        ({"aud": stack.oauth.url}, "AADSTS50012"),
        ({"aud": stack.oauth.endpoint("token", "other")}, "AADSTS50012"),
        ({"exp": now - 1, "nbf": now - 500}, "AADSTS700024"),
        ({"exp": now + 700}, "AADSTS700024"), ({"nbf": now + 60}, "AADSTS700024"),
        ({"jti": "0"}, "invalid_request: AADSTS50027"), ({"jti": ""}, "AADSTS50027"),
    ], client_assertion_type=TYPE, **form)
    status, _ = stack.post("token", **form, client_assertion_type=TYPE,
                           client_assertion=sign({"header": rs256}))
    assert status == 200, "RS256"
    for wrong in ({"client_assertion": sign({})}, {"client_secret": "s"},
                  {"client_assertion_type": TYPE, "client_assertion": sign({})[:-8] + "AAAAAAAA"},
                  {"client_assertion_type": TYPE, "client_assertion": "no.jwt"}):
        assert stack.post("token", **form, **wrong)[0] in (400, 401), wrong
    stack.oauth.clients = None


@tap.promise
def oauth_federated(stack):
    "oauthd: an assertion of a platform is verified, and whose it is"
    where = stack.env.mkdir("federated")
    key, other = (keys.make_key(f"{where}/{name}.key") for name in ("one", "two"))
    public = keys.public_key(key, where + "/one.public")
    right = {"iss": "https://platform", "sub": "system:mail", "aud": "api://exchange",
             "exp": int(time.time()) + 300}

    def sign(change):
        claims = {**right, **{n: v for n, v in change.items() if n != "key"}}
        return jwt_sign({"alg": "RS256", "kid": "1"}, claims, change.get("key", key))
    stack.oauth.clients = {"app": Federated(right["iss"], right["sub"], right["aud"], public)}
    assertion_is_refused(stack, sign, [
        ({"key": other}, "AADSTS700027"), ({"iss": "https://else"}, "AADSTS700211"),
        ({"aud": "else"}, "AADSTS700212"), ({"sub": "else"}, "AADSTS700213"),
        ({"exp": int(time.time()) - 1}, "AADSTS700024"),
    ], client_assertion_type=TYPE, grant_type="client_credentials", client_id="app", scope="x")
    stack.oauth.clients = None


@tap.promise
def oauth_service_account(stack):
    "oauthd: an assertion of a service account is verified, and for whom it is"
    where = stack.env.mkdir("service")
    key, other = (keys.make_key(f"{where}/{name}.key") for name in ("one", "two"))
    account = ServiceAccount(keys.service_account(key, where + "/key.json"), "example.com",
                             ["mail", "other"], gone=["gone@example.com"])
    now = int(time.time())

    def sign(change):
        header = change.get("header", account.header)
        claims = {"iss": account.email, "sub": ALICE, "scope": "mail",
                  "aud": stack.oauth.endpoint("token"), "iat": now, "exp": now + 3600,
                  **{n: v for n, v in change.items() if n not in ("header", "key")}}
        return jwt_sign(header, claims, change.get("key", key))
    stack.oauth.service_accounts = [account]
    invalid = "invalid_grant: Invalid "
    assertion_is_refused(stack, sign, [
        ({"key": other}, invalid + "JWT Signature"),
        ({"header": {**account.header, "kid": "1"}}, invalid + "JWT Signature"),
        ({"header": {**account.header, "alg": "PS256"}}, invalid + "JWT Signature"),
        ({"iss": "x@example.com"}, invalid + "grant: account not found"),
        ({"aud": stack.oauth.url}, invalid + "JWT: Failed audience"),
        ({"exp": now - 1, "iat": now - 9}, invalid + "JWT: Token must be a short-lived token"),
        ({"exp": now + 3601}, invalid + "JWT: Token must be a short-lived token"),
        ({"scope": "mail contacts"}, "unauthorized_client: Client is unauthorized"),
        ({"scope": ""}, "unauthorized_client"),
        ({"sub": "alice@example.net"}, invalid + "email or User ID"),
        ({"sub": "gone@example.com"}, invalid + "email or User ID"),
    ], grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer")
    stack.oauth.service_accounts = None


@tap.promise
def oauth_identity(stack):
    "oauthd: the metadata service knows the identities of the machine, and its header"
    stack.oauth.identities = [{}, {"client_id": "mail"}]
    right = {"api-version": "2018-02-01", "resource": "https://outlook.office365.com"}
    rows = [(200, right, "true"), (200, {**right, "client_id": "mail"}, "true"),
            (400, {**right, "client_id": "other"}, "true"),
            (400, {**right, "object_id": "mail"}, "true"), (400, right, "yes"),
            (400, {**right, "api-version": "1"}, "true"), (400, {"api-version": "1"}, "true")]
    for status, query, header in rows:
        request = urllib.request.Request(
            f"{stack.oauth.identity_endpoint}?{urllib.parse.urlencode(query)}",
            headers={"Metadata": header})
        try:
            with oidc.opener(stack.env.tls().client()).open(request, timeout=5) as reply:
                answer = reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as e:
            answer = e.code, {}
        assert answer[0] == status, (query, answer)
        assert status == 400 or int(answer[1]["expires_on"]) > time.time(), answer
    stack.oauth.identities = None


@tap.promise
def dovecot_accepts(stack):
    "Dovecot takes a token from oauthd and challenges a wrong one, with both mechanisms"
    token = stack.oauth.issue(ALICE)["access_token"]
    for mechanism, challenge in MECHANISMS.items():
        assert stack.dovecot.login(ALICE, token, mechanism)[0]
        good, said, words = stack.dovecot.login(ALICE, "wrong", mechanism)
        assert not good and challenge in said and "AUTHENTICATIONFAILED" in words, (said, words)
    assert not stack.dovecot.login("bob@example.com", token)[0], "somebody else's token"
    stack.oauth.accept_tokens = False
    assert not stack.dovecot.login(ALICE, token)[0]
    stack.oauth.accept_tokens = True


@tap.promise
def dovecot_smtp_pop(stack):
    "Dovecot takes a token over POP3 and submission too"
    token = stack.oauth.issue(ALICE)["access_token"]
    blob = base64.b64encode(f"user={ALICE}\1auth=Bearer {token}\1\1".encode()).decode()
    pop = stack.dovecot.client("pop")
    pop._putcmd("AUTH XOAUTH2")
    assert pop._getline()[0].startswith(b"+ ")
    assert pop._shortcmd(blob).startswith(b"+OK")
    smtp = stack.dovecot.client("smtp")
    smtp.ehlo()
    assert smtp.docmd("AUTH XOAUTH2")[0] == 334
    assert smtp.docmd(blob)[0] == 235
    pop.close()
    smtp.close()


@tap.promise
def dovecot_any_user(stack):
    "a token of client_credentials opens every mailbox where Dovecot is told so"
    _, answer = stack.post("token", grant_type="client_credentials", client_id="c",
                           client_secret="s", scope="mail/.default")
    dovecot = Dovecot(stack.env, stack.oauth, any_user=True).start()
    for user in (ALICE, "bob@example.com"):
        assert dovecot.login(user, answer["access_token"])[0]
    dovecot.stop()


@tap.promise
def oidc_provider(stack):
    "oidc-provider: a device sign-in by its own pages; Dovecot takes the token"
    provider = OidcProvider(stack.env).start()
    device = provider.device_code()
    assert provider.poll(device["device_code"])[1]["error"] == "authorization_pending"
    provider.approve(device["user_code"], ALICE)
    status, tokens = provider.poll(device["device_code"])
    assert status == 200, tokens
    dovecot = Dovecot(stack.env, provider).start()
    for mechanism in MECHANISMS:
        assert dovecot.login(ALICE, tokens["access_token"], mechanism)[0]
        assert not dovecot.login(ALICE, "wrong", mechanism)[0]

    status, new = provider.refresh(tokens["refresh_token"])
    assert status == 200 and new["refresh_token"] != tokens["refresh_token"]
    assert dovecot.login(ALICE, new["access_token"])[0]
    for token in (tokens["refresh_token"], new["refresh_token"]):
        assert provider.refresh(token)[1]["error"] == "invalid_grant"
    assert not dovecot.login(ALICE, new["access_token"])[0], "revoked with its grant"

    device = provider.device_code()
    provider.deny(device["user_code"])
    assert provider.poll(device["device_code"])[1]["error"] == "access_denied"
    dovecot.stop()
    provider.stop()


@tap.promise
def oidc_app(stack):
    "oidc-provider: over TLS, client_credentials with a difficult secret, revocation"
    provider = OidcProvider(stack.env, tls=True).start()
    who = {"client_id": oidc.CONFIDENTIAL, "client_secret": oidc.SECRET}
    status, tokens = provider.request("token", grant_type="client_credentials", scope="mail", **who)
    assert status == 200 and "refresh_token" not in tokens, tokens
    dovecot = Dovecot(stack.env, provider).start()
    assert dovecot.login(ALICE, tokens["access_token"])[0]
    assert provider.request("revoke", token=tokens["access_token"], **who)[0] == 200
    assert not dovecot.login(ALICE, tokens["access_token"])[0]
    dovecot.stop()
    provider.stop()


@tap.promise
def oidc_certificate(stack):
    "oidc-provider: a client that proves itself by a key, for itself and for a person"
    where = stack.env.mkdir("certified")
    key, other = (keys.make_key(f"{where}/{name}.key") for name in ("one", "two"))
    certificate = keys.make_certificate(key, where + "/one.pem")
    provider = OidcProvider(stack.env, tls=True, certificate=certificate).start()
    count = iter(range(100))

    def who(alg="PS256", key=key, endpoint=provider.endpoint("token")):
        now = int(time.time())
        claims = {"aud": endpoint, "iss": oidc.CERTIFIED, "sub": oidc.CERTIFIED,
                  "jti": f"{next(count)}", "nbf": now, "iat": now, "exp": now + 300}
        return {"client_id": oidc.CERTIFIED, "client_assertion_type": TYPE,
                "client_assertion": jwt_sign({"alg": alg, "typ": "JWT"}, claims, key)}
    app = {"grant_type": "client_credentials", "scope": "mail"}
    used = who()
    rows = [(200, used), (200, who("RS256")), (401, who(key=other)), (401, used),
            (401, who(endpoint="https://elsewhere.example.com/token")),
            (401, {"client_id": oidc.CERTIFIED})]
    for status, client in rows:
        assert provider.request("token", **app, **client)[0] == status, client
    tokens = provider.sign_in(ALICE, client=who)
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    status, new = provider.request("token", **refresh, **who())
    assert status == 200 and new["refresh_token"] != tokens["refresh_token"], new
    provider.stop()


@tap.promise
def postfix_chroot(stack):
    "Postfix, its smtp in a chroot, delivers through Dovecot with a password"
    deliver(stack, chroot=True)


@tap.promise
def postfix_no_chroot(stack):
    "Postfix without a chroot does so too"
    deliver(stack, chroot=False)


def deliver(stack, chroot):
    before = len(stack.sink.messages)
    postfix = Postfix(stack.env, stack.dovecot.smtp, password="secret", chroot=chroot,
                      plugin=False).start()
    status, reason = postfix.send(subject=f"chroot {chroot}")
    assert status == "sent", reason
    message = stack.sink.wait(before + 1)[-1]
    assert message.sender == ALICE and f"Subject: chroot {chroot}" in message.data
    stack.dovecot.wait_login(ALICE, "PLAIN")
    assert "is empty" in postfix.queue()
    smtp = postfix.wait_log(r"postfix/smtp\[(\d+)\]").group(1)
    root = os.readlink(f"/proc/{smtp}/root")
    assert root == (os.path.realpath(postfix.queue_dir) if chroot else "/"), root
    postfix.stop()


@tap.promise
def postfix_defers(stack):
    "Postfix defers, and says why, when the password is wrong"
    postfix = Postfix(stack.env, stack.dovecot.smtp, password="wrong", plugin=False).start()
    status, reason = postfix.send()
    assert status == "deferred" and reason.startswith("4.7.8") and "535 5.7.8" in reason, reason
    postfix.stop()


@tap.promise
def programs(stack):
    "mbsync, imtest, pop3test and smtptest log in with a password"
    stack.dovecot.deliver(ALICE, "greetings")
    for tls, port in (("IMAPS", stack.dovecot.imaps), ("STARTTLS", stack.dovecot.imap)):
        done = mbsync(stack.env, port, mechanisms="PLAIN", password="secret", tls=tls,
                      plugin=False)
        assert done.rc == 0, done
    new = os.listdir(stack.env.path("mbsync", "INBOX", "new"))
    assert len(new) == 1, new
    for program, port in (("imtest", "imap"), ("pop3test", "pop"), ("smtptest", "smtp")):
        for starttls in (False, True):
            where = getattr(stack.dovecot, port + ("" if starttls else "s"))
            done = cyrus_test(stack.env, program, where, mechanism="PLAIN", plugin=False,
                              starttls=starttls, options=["-w", "secret"])
            assert "\nAuthenticated.\n" in done.stdout, done


@tap.promise
def uids(stack):
    "programs run as another user, with nothing of our environment"
    os.environ["STRANGE"] = "1"
    done = stack.env.run(["sh", "-c", "id -un; env"], uid="nobody")
    assert done.stdout.startswith("nobody\n") and "STRANGE" not in done.stdout, done


@tap.promise
def nothing_left(stack):
    "a script that is stopped leaves nothing behind, not even what detached itself"
    script = stack.env.write("script.py", SCRIPT.format(lib=os.path.dirname(tap.__file__)))
    process = stack.env.start("script", ["/usr/bin/python3", script])
    where, *pids = wait_for(lambda: re.search("# (/.*)\n", process.log()), 10).group(1).split()
    assert len(pids) == 2 and os.path.exists(where), process.log()
    process.send(signal.SIGTERM)
    assert process.wait() == 1
    assert "not ok 1 - hangs\n" in process.log() and "SIGTERM" in process.log()
    assert not os.path.exists(where)
    for pid in pids:
        assert not os.path.exists(f"/proc/{pid}"), pid


tap.main(Stack, root=True, programs=["dovecot", "postfix", "openssl"])
