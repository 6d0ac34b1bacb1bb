// Every flow of oauth4webapi against a running server; prints one line of JSON with what it saw.
//
//   ISSUER, COOKIE (a signed-in browser), PAGE (public app), BOARD and SECRET (confidential app)

import * as oauth from "oauth4webapi";

const { ISSUER, COOKIE, PAGE, BOARD, SECRET, REDIRECT } = process.env;
const plain = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(ISSUER);
const server = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...plain }),
);
const resource = new URL(`${ISSUER}/graphql`);
const protectedResource = await oauth.processResourceDiscoveryResponse(
  resource,
  await oauth.resourceDiscoveryRequest(resource, plain),
);

const headers = { cookie: COOKIE };

// What a person does in a browser: open the page, press "Allow".
async function consent(address) {
  const opened = await fetch(address, { headers, redirect: "manual" });
  if (opened.status === 303) return new URL(opened.headers.get("location"));
  const html = await opened.text();
  const fields = new URLSearchParams({ decision: "allow" });
  for (const [, name, value] of html.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g))
    fields.set(name, value.replaceAll("&amp;", "&").replaceAll("&#34;", '"').replaceAll("&#39;", "'"));
  const sent = await fetch(`${ISSUER}/oauth/authorize`, {
    method: "POST",
    headers: { ...headers, origin: ISSUER },
    body: fields,
    redirect: "manual",
  });
  return new URL(sent.headers.get("location"));
}

async function codeFlow(clientId, authentication) {
  const client = { client_id: clientId };
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const address = new URL(server.authorization_endpoint);
  address.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: REDIRECT,
    response_type: "code",
    scope: "metrics:read",
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
  });
  const parameters = oauth.validateAuthResponse(server, client, await consent(address), state);
  const granted = await oauth.processAuthorizationCodeResponse(
    server,
    client,
    await oauth.authorizationCodeGrantRequest(
      server, client, authentication, parameters, REDIRECT, verifier, plain,
    ),
  );
  const refreshed = await oauth.processRefreshTokenResponse(
    server,
    client,
    await oauth.refreshTokenGrantRequest(
      server, client, authentication, granted.refresh_token, plain,
    ),
  );
  return { client, refreshed };
}

// The access token is checked as a resource server of its own would check it (RFC 9068).
async function claimsOf(token) {
  const request = new Request(resource, { headers: { authorization: `Bearer ${token}` } });
  return oauth.validateJwtAccessToken(server, request, resource.href, plain);
}

async function ask(token) {
  const body = JSON.stringify({ query: "{ me { application person scopes } }" });
  const answer = await oauth.protectedResourceRequest(
    token, "POST", resource, new Headers({ "content-type": "application/json" }), body, plain,
  );
  return { status: answer.status, body: await answer.json() };
}

const seen = { authorizationServers: protectedResource.authorization_servers };

{
  const { client, refreshed } = await codeFlow(PAGE, oauth.None());
  seen.page = {
    claims: await claimsOf(refreshed.access_token),
    answer: await ask(refreshed.access_token),
  };
  await oauth.processRevocationResponse(
    await oauth.revocationRequest(server, client, oauth.None(), refreshed.refresh_token, plain),
  );
  try {
    await oauth.processRefreshTokenResponse(
      server,
      client,
      await oauth.refreshTokenGrantRequest(
        server, client, oauth.None(), refreshed.refresh_token, plain,
      ),
    );
  } catch (error) {
    seen.page.afterRevocation = error.error;
  }
}

for (const [name, authentication] of [
  ["basic", oauth.ClientSecretBasic(SECRET)],
  ["post", oauth.ClientSecretPost(SECRET)],
]) {
  const { client, refreshed } = await codeFlow(BOARD, authentication);
  const introspected = await oauth.processIntrospectionResponse(
    server,
    client,
    await oauth.introspectionRequest(
      server, client, authentication, refreshed.access_token, plain,
    ),
  );
  const own = await oauth.processClientCredentialsResponse(
    server,
    client,
    await oauth.clientCredentialsGrantRequest(
      server, client, authentication, { scope: "metrics:read" }, plain,
    ),
  );
  seen[name] = {
    introspected,
    answer: await ask(refreshed.access_token),
    own: (await claimsOf(own.access_token)).sub,
  };
}

console.log(JSON.stringify(seen));
