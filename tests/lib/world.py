# SPDX-License-Identifier: MIT
"""world - what most tests need: providers, mail servers, a helper, and eyes for secrets"""

import base64
import datetime
import os

import keys
import tap
from assertions import Application, ServiceAccount, jwt_read
from env import INSTALLED, wait_for
from helper import Helper, endpoints
from mail import Dovecot, Sink
from oauthd import OAuthServer
from oidc import CONFIDENTIAL, PUBLIC, SECRET, OidcProvider

MECHANISMS = ("OAUTHBEARER", "XOAUTH2")
# an application's account; how it proves itself is to be added
APP = {"user": "alice@example.com", "client_id": "app", "grant": "client_credentials",
       "scope": "mail/.default"}


def in_days(days):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)


class World:
    """Two providers, a Dovecot for each, a sink behind both, one helper with no account.

    oauth, dovecot   the scripted server and the Dovecot that asks it
    oidc, certified  oidc-provider, if wanted, and the Dovecot that asks that one
    helper           not started; its provider "test" is oauth, its "oidc" is oidc
    app              the mailbox that oidc's client_credentials tokens are for
    """

    def __init__(self, env, certified=True, passwords=None, **helper):
        self.env, self.app = env, "app@example.com"
        self.sink = Sink(env)
        self.oauth = OAuthServer(tls=env.tls(), log=env.log_file("oauthd")).start()
        self.dovecot = Dovecot(env, self.oauth, sink=self.sink, passwords=passwords).start()
        providers = {}
        if certified and not INSTALLED:
            self.oidc = OidcProvider(env, tls=True, mailbox=self.app).start()
            self.certified = Dovecot(env, self.oidc, sink=self.sink).start()
            providers["oidc"] = {"title": "OIDC", "scope": "openid offline_access mail",
                                 "hosts": "localhost 127.0.0.1", **endpoints(self.oidc)}
        self.helper = Helper(env, self.oauth, providers=providers, **helper)

    def __getattr__(self, name):
        """What is not there: a distribution has no oidc-provider to test its packages with."""
        if INSTALLED and name in ("oidc", "certified"):
            tap.skip("oidc-provider is in no package")
        raise AttributeError(name)

    def account(self, user, expires_in=None, grant=None, **keys):
        """Make an account that is signed in at oauth; returns the tokens it was given.

        expires_in  what the helper believes of this first token
        grant       the tokens, when they are of elsewhere
        keys        of the account's file
        """
        self.define(user, **keys)
        tokens = grant or self.oauth.issue(user)
        lifetime = {} if expires_in is None else {"expires_in": expires_in}
        reply = self.helper.store(user, tokens, **lifetime)
        assert reply["status"] == "ok", reply
        return tokens

    def define(self, user, **keys):
        """Write an account's file and reload."""
        self.helper.accounts[user] = keys
        reply = self.helper.reload()
        assert reply["status"] == "ok", reply

    def device_account(self, user, **keys):
        """An account at oidc, which a person approved on its pages."""
        return self.account(user, provider="oidc", client_id=PUBLIC,
                            grant=self.oidc.sign_in(user), **keys)

    def app_account(self, **keys):
        """The account of an application at oidc, with a secret and no person."""
        assert self.oidc
        path = self.helper.secret_file("app.secret", SECRET)
        self.define(self.app, provider="oidc", client_id=CONFIDENTIAL, scope="mail",
                    grant="client_credentials", client_secret_file=path, **keys)

    def refreshes(self, user):
        """How often oauth was asked to refresh a token of that user."""
        def is_his(request):
            grant = self.oauth.refresh.get(request.form.get("refresh_token"))
            return grant and grant.user == user
        return sum(map(bool, map(is_his, self.oauth.seen("token"))))

    def secrets(self):
        """{what it is: secret} of what no log may show."""
        tokens = [*self.oauth.access, *self.oauth.refresh]
        for account in self.helper.accounts:
            state = self.helper.state(account) or {}
            tokens += [state[n] for n in ("access_token", "refresh_token") if n in state]
        return {"client secret": SECRET,
                **{f"token {number}": token for number, token in enumerate(tokens)}}

    def assert_no_secret(self, *logs):
        """Fail when one of the texts shows a secret."""
        secrets = self.secrets()
        assert len(secrets) > 1, "no secrets to look for"
        assert_hidden(secrets, *logs)


class Stage:
    """Makes a provider and a helper for one promise; end() ends them and reads the log.

    where   a directory for keys; none of them may be in a log
    """

    def __init__(self, env):
        self.env, self.where = env, env.mkdir("keys")
        self.server = self.helper = None
        self.hidden = {}        # what no log may show, beside what the server knows

    def begin(self, tls=True, helper=None, **options):
        """A provider with those options, and a helper, with its own, that is not started."""
        self.server = OAuthServer(tls=self.env.tls() if tls else None,
                                  log=self.env.log_file("oauthd"), **options).start()
        self.helper = Helper(self.env, self.server, **(helper or {}))
        return self.server, self.helper

    def certified(self, accounts=None, **options):
        """A provider that knows app's certificate, and a helper, not started, that has its key.

        accounts  {name: keys besides those of an application with that certificate}
        options   of begin()
        """
        key = self.key("app")
        certificate = self.certificate(key, end=in_days(100))
        server, helper = self.begin(clients={"app": Application(certificate)}, **options)
        proof = {"client_key": self.install(key),
                 "client_certificate": self.install(certificate, "app.pem")}
        for name, more in (accounts or {"app": {}}).items():
            helper.accounts[name] = {**APP, **proof, **more}
        return server, helper

    def delegated(self, user="*@example.com", gone=(), scopes=("mail",), start=True, tls=True,
                  **more):
        """A provider with a service account for example.com, and a helper that has its key.

        gone, scopes  of assertions.ServiceAccount
        more          keys of the account, which is called google
        """
        server, helper = self.begin(service_accounts=[], tls=tls)
        file = keys.service_account(self.key("google"), self.where + "/google.json",
                                    token_uri=server.endpoint("token"))
        server.service_accounts.append(ServiceAccount(file, "example.com", scopes, gone))
        helper.accounts["google"] = {
            "user": user, "grant": "jwt_bearer", "client_key": self.install(file),
            "client_id": None, "scope": "mail", "allow": os.geteuid(), "services": "imap smtp",
            "hosts": "localhost", **more}
        if start:
            helper.start()
        return server, helper

    def end(self, *texts):
        """Stop both; nothing secret is in the log, nor in `texts`."""
        assert self.helper.stop() == 0, self.helper.log()
        self.server.stop()
        secrets = {f"token {n}": token for n, token in enumerate(self.server.access)}
        for number, request in enumerate(self.server.seen("token")):
            for name in {"client_assertion", "assertion", "client_secret"} & set(request.form):
                secrets[f"{name} {number}"] = request.form[name]
        assert_hidden({**self.hidden, **secrets}, self.helper.log(), *texts)

    def hide(self, what, secret):
        """No log may show that; returns it."""
        self.hidden[what] = secret
        return secret

    def key(self, name):
        """A private key: the path of a file in PEM."""
        path = keys.make_key(f"{self.where}/{name}.key")
        with open(path, encoding="ascii") as f:
            self.hide(f"the key {name}", f.read())
        return path

    def certificate(self, key, **dates):
        """A certificate of that key; returns its path.  dates: of keys.make_certificate()."""
        path = self.env.path("keys", self.env.name("certificate"))
        return keys.make_certificate(key, path, **dates)

    def install(self, path, name=None):
        """A copy of a file that only the daemon and root may read; returns its path."""
        with open(path, "rb") as f:
            return self.helper.secret_file(name or path.rpartition("/")[2], f.read())

    def status(self, user, wanted, timeout=15, **attributes):
        """Ask for a token until the status is that; returns the reply."""
        replies = []

        def answered():
            replies.append(self.helper.token(user, **attributes))
            return replies[-1]["status"] == wanted
        wait_for(answered, timeout, f"{wanted} for {user} instead of {replies[-1:]}")
        return replies[-1]


def asked_for(server):
    """The mailboxes that a service account asked tokens for, oldest first."""
    return [jwt_read(request.form["assertion"])[1]["sub"] for request in server.seen("token")]


def traces(what, secret):
    """{what: text} of what a log has when it shows the secret, or most of it."""
    if secret.startswith("-----BEGIN"):
        return {f"{what}, line {n}": line for n, line in enumerate(secret.splitlines())
                if len(line) == 64}
    if secret.startswith("eyJ") and secret.count(".") == 2:
        return {f"{what}, part {n}": part[6:38] for n, part in enumerate(secret.split("."))
                if n > 0}
    if len(secret) < 40:
        return {what: secret}
    found = {what: secret[6:38]}
    for shift in range(3):      # SASL encodes it; the outcome depends on where it begins
        text = base64.b64encode(b"." * shift + secret[:40].encode()).decode()
        found[f"{what}, encoded {shift}"] = text[12:44]
    return found


def assert_hidden(secrets, *logs):
    """Fail when one of the texts shows one of {what: secret}."""
    for text in logs:
        assert len(text) > 100, f"hardly a log: {text!r}"
    for what, secret in secrets.items():
        for name, trace in traces(what, secret).items():
            assert trace and not any(trace in text for text in logs), f"{name} is in a log"
