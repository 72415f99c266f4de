// A real OpenID provider on loopback. Its first line says where; each line on stdin makes it sign with a new key.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const AUDIENCE = "https://turnstream.test";
const KINDS = {
  RS256: ["rsa", { modulusLength: 2048 }],
  ES256: ["ec", { namedCurve: "P-256" }],
  Ed25519: ["ed25519", {}],
};
const algorithm = process.argv[2] ?? "RS256";

function newKey() {
  const [kind, options] = KINDS[algorithm];
  const jwk = generateKeyPairSync(kind, options).privateKey.export({ format: "jwk" });
  return { ...jwk, kid: randomUUID(), use: "sig", alg: algorithm };
}

const client = (name) => ({
  client_id: name,
  client_secret: `${name}-secret`,
  grant_types: ["client_credentials"],
  redirect_uris: [],
  response_types: [],
  id_token_signed_response_alg: algorithm,
});

function make(issuer, keys) {
  return new Provider(issuer, {
    jwks: { keys },
    clients: [client("alice"), client("bob")],
    enabledJWA: { idTokenSigningAlgValues: [algorithm] },
    clientAuthMethods: ["client_secret_basic"],
    scopes: ["runs", "approve", "metrics", "admin"],
    extraTokenClaims: (_, token) => ({ groups: [`team-${token.clientId}`] }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => ({
          scope: "runs approve metrics admin",
          audience: resource,
          accessTokenTTL: 300,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: algorithm } },
        }),
      },
    },
  });
}

let answer;
const server = createServer((request, response) => answer(request, response));
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const rotate = () => (answer = make(issuer, [newKey()]).callback());
  rotate();
  process.stdout.write(`issuer ${issuer}\n`);
  process.stdin.on("data", () => {
    rotate();
    process.stdout.write("rotated\n");
  });
  process.stdin.on("end", () => process.exit(0));
});
