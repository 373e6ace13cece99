# SPDX-License-Identifier: MIT
"""world - what most tests with mail programs need: providers, mail servers, a helper"""

import base64

from helper import Helper, endpoints
from mail import Dovecot, Sink
from oauthd import OAuthServer
from oidc import CONFIDENTIAL, PUBLIC, SECRET, OidcProvider

MECHANISMS = ("OAUTHBEARER", "XOAUTH2")


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
        if certified:
            self.oidc = OidcProvider(env, tls=True, mailbox=self.app).start()
            self.certified = Dovecot(env, self.oidc, sink=self.sink).start()
            providers["oidc"] = {"title": "OIDC", "scope": "openid offline_access mail",
                                 "hosts": "localhost 127.0.0.1", **endpoints(self.oidc)}
        self.helper = Helper(env, self.oauth, providers=providers, **helper)

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
        """{what it is: text} of what no log may show; of tokens a part, as SASL encodes it too."""
        found = {"client secret": SECRET}
        tokens = [*self.oauth.access, *self.oauth.refresh]
        for account in self.helper.accounts:
            state = self.helper.state(account) or {}
            tokens += [state[n] for n in ("access_token", "refresh_token") if n in state]
        for number, token in enumerate(tokens):
            found[f"token {number}"] = token[6:38]
            for shift in range(3):      # what base64 makes of it depends on where it begins
                text = base64.b64encode(b"." * shift + token[:40].encode()).decode()
                found[f"token {number}, encoded {shift}"] = text[12:44]
        return found

    def assert_no_secret(self, *logs):
        """Fail when one of the texts shows a secret."""
        secrets = self.secrets()
        assert len(secrets) > 2, "no secrets to look for"
        for text in logs:
            assert len(text) > 100, f"hardly a log: {text!r}"
            for what, secret in secrets.items():
                assert secret not in text, f"{what} is in a log"
