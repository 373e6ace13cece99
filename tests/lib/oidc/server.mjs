// SPDX-License-Identifier: MIT
// server.mjs - oidc-provider, a certified OpenID provider, for the system tests
//
// usage: node server.mjs CONFIG.json; prints "ready URL" when it listens.  CONFIG:
//   port      on 127.0.0.1
//   tls       { cert, key }: paths; without it plain HTTP
//   clients   as oidc-provider wants them
//   scopes    custom scopes, besides openid and offline_access
//   ttl       { access, refresh, device }: lifetimes in seconds
//   mailbox   the mailbox that client_credentials tokens are for
// The account is whatever name is typed into the sign-in form: a mail address.

import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';

import { Provider } from 'oidc-provider';

const config = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const issuer = `${config.tls ? 'https' : 'http'}://127.0.0.1:${config.port}`;

const provider = new Provider(issuer, {
  clients: config.clients,
  scopes: ['openid', 'offline_access', ...config.scopes],
  claims: { openid: ['sub', 'email'] },
  cookies: { keys: ['a key of a test'] },
  ttl: {
    AccessToken: config.ttl.access,
    ClientCredentials: config.ttl.access,
    RefreshToken: config.ttl.refresh,
    DeviceCode: config.ttl.device,
    Grant: config.ttl.refresh,
    IdToken: 3600,
    Interaction: 3600,
    Session: 3600,
  },
  // single use; the second use of one revokes the grant
  rotateRefreshToken: true,
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
    rpInitiatedLogout: { enabled: false },
  },
  pkce: { methods: ['S256'], required: () => true },
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: id }),
  }),
  // what introspection tells the mail server
  extraTokenClaims: (ctx, token) => {
    const mailbox = token.accountId ?? config.mailbox;
    return { username: mailbox, email: mailbox };
  },
});
provider.on('server_error', (ctx, error) => console.error(error));

const server = config.tls
  ? https.createServer({
    cert: readFileSync(config.tls.cert),
    key: readFileSync(config.tls.key),
  }, provider.callback())
  : http.createServer(provider.callback());
server.listen(config.port, '127.0.0.1', () => console.log(`ready ${issuer}`));
