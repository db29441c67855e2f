// A real OpenID provider for the tests: panva's oidc-provider, certified, with its own sign-in pages for development.
// node oidc_provider.mjs REDIRECT_URI POST_LOGOUT_REDIRECT_URI SECRET GROUPS
// Prints its issuer when it listens. Whoever signs in as NAME is NAME with the address NAME@example.org, verified unless
// the name begins with "unverified", and in the groups that the file GROUPS (JSON, lists by name) says at that time.
// Who signs out is asked whether they mean it, unless an ID token that it gave says which session is to end.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import Provider from "../../web/node_modules/oidc-provider/lib/index.js";

const [redirect, afterLogout, secret, groups] = process.argv.slice(2);
const server = createServer();

server.listen(0, "127.0.0.1", () => {
  const issuer = `http://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "limner",
        client_secret: secret,
        redirect_uris: [redirect],
        post_logout_redirect_uris: [afterLogout],
      },
    ],
    claims: { openid: ["sub"], profile: ["name", "groups"], email: ["email", "email_verified"] },
    cookies: { keys: [secret] },
    features: {
      rpInitiatedLogout: {
        logoutSource: (ctx, form) => {
          const [field, then] = ctx.oidc.entities.IdTokenHint
            ? ['<input form="op.logoutForm" name="logout" value="yes" type="hidden">', "document.forms[0].submit()"]
            : ['<button form="op.logoutForm" name="logout" value="yes">Yes, sign me out</button>', ""];
          ctx.body = `<!doctype html><title>Signing out</title>${form}${field}<script>${then}</script>`;
        },
      },
    },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        name: id,
        groups: JSON.parse(readFileSync(groups, "utf-8"))[id] ?? [],
        email: `${id}@example.org`,
        email_verified: !id.startsWith("unverified"),
      }),
    }),
  });
  server.on("request", provider.callback());
  process.stdout.write(`${issuer}\n`);
});
