// A real OpenID provider for the tests: npm's oidc-provider, with its own pages for signing in. Arguments: the module, and
// JSON with `issuer`, `client` and `accounts`. Lives as long as its standard input is open.
//   PUT /test/accounts/NAME   JSON: what the account claims from now on
//   PUT /test/keys            new signing keys; the old ones are gone
//   PUT /test/sessions/NAME   every session of that account ends, and whoever let it in is told
import { createServer } from 'node:http';
import { generateKeyPairSync, randomUUID } from 'node:crypto';

// Nobody reads on once it listens.
console.info = console.error;
const [module, text] = process.argv.slice(2);
const { Provider } = await import(module);
const { issuer, client, accounts } = JSON.parse(text);

function keys() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' }] };
}

const stored = new Map();
// What is stored outlives a change of keys.
class Adapter {
  constructor(name) { this.name = name; }
  key(id) { return `${this.name}/${id}`; }
  async upsert(id, payload) { stored.set(this.key(id), payload); }
  async find(id) { return stored.get(this.key(id)); }
  async findByUid(uid) { return [...stored.values()].find((it) => it.uid === uid); }
  async findByUserCode() { return undefined; }
  async consume(id) { stored.get(this.key(id)).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { stored.delete(this.key(id)); }
  async revokeByGrantId(grant) {
    for (const [key, it] of stored) if (it.grantId === grant) stored.delete(key);
  }
}

function provider() {
  return new Provider(issuer, {
    adapter: Adapter,
    clients: [client],
    jwks: keys(),
    cookies: { keys: ['the tests alone'] },
    claims: { openid: ['sub', 'sid'], profile: ['name'], email: ['email', 'email_verified'], groups: ['groups'] },
    conformIdTokenClaims: false,
    features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: true } },
    // It calls nobody on its own machine, and here everybody is.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    findAccount: (_, id) => (accounts[id] ? { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) } : undefined),
    // Our own people are asked for no consent.
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid profile email groups');
      await grant.save();
      return grant;
    },
  });
}

let current = provider();
async function expel(name) {
  for (const [key, session] of stored) {
    if (!key.startsWith('Session/') || session.accountId !== name) continue;
    stored.delete(key);
    for (const [id, { sid }] of Object.entries(session.authorizations ?? {})) {
      await (await current.Client.find(id)).backchannelLogout(name, sid);
    }
  }
}
createServer((request, response) => {
  if (request.method !== 'PUT') return current.callback()(request, response);
  let body = '';
  request.on('data', (more) => { body += more; });
  request.on('end', async () => {
    const [, , what, name] = request.url.split('/');
    try {
      if (what === 'keys') current = provider();
      else if (what === 'sessions') await expel(name);
      else accounts[name] = JSON.parse(body);
    } catch {
      response.statusCode = 500;
    }
    response.end();
  });
}).listen(new URL(issuer).port, '127.0.0.1', () => console.log('listening'));
process.stdin.resume();
process.stdin.on('end', () => process.exit());
