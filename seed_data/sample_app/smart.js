// A SMART App Launch client without dependencies: standalone and EHR launch, PKCE, refresh.
// https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html
const KEPT = "smart";

const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(48)));
const hash = (text) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));

const kept = () => JSON.parse(sessionStorage.getItem(KEPT) || "{}");
const keep = (changes) => sessionStorage.setItem(KEPT, JSON.stringify({ ...kept(), ...changes }));
export const forget = () => sessionStorage.removeItem(KEPT);

async function discover(iss) {
  const answer = await fetch(`${iss}/.well-known/smart-configuration`, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`Le serveur ${iss} ne connaît pas SMART (${answer.status}).`);
  return answer.json();
}

// Sends the browser to the server; `launch` comes from an EHR and is absent when the app starts alone.
export async function authorize({ iss, clientId, scope, redirectUri, launch }) {
  const { authorization_endpoint, token_endpoint, issuer } = await discover(iss);
  const [state, verifier] = [random(), random()];
  keep({ iss, clientId, redirectUri, state, verifier, token_endpoint, issuer });
  const query = new URLSearchParams({
    response_type: "code",
    client_id: clientId,
    redirect_uri: redirectUri,
    scope,
    state,
    aud: iss,
    code_challenge: base64url(await hash(verifier)),
    code_challenge_method: "S256",
    ...(launch ? { launch } : {}),
  });
  location.assign(`${authorization_endpoint}?${query}`);
}

async function token(fields) {
  const { token_endpoint, clientId } = kept();
  const body = new URLSearchParams({ ...fields, client_id: clientId });
  const answer = await fetch(token_endpoint, { method: "POST", body });
  const given = await answer.json();
  if (!answer.ok) throw new Error(given.error_description || given.error);
  keep({ token: { refresh_token: kept().token?.refresh_token, ...given }, state: null, verifier: null });
  return given;
}

// Takes up what the server sent the browser back with; null when the page was opened by itself.
export async function complete(query) {
  const { state, verifier, redirectUri, issuer } = kept();
  if (query.get("error")) throw new Error(query.get("error_description") || query.get("error"));
  if (!query.get("code")) return kept().token || null;
  if (!state || query.get("state") !== state) throw new Error("Cette réponse n’est pas celle de notre demande.");
  if (query.has("iss") && issuer && query.get("iss") !== issuer) throw new Error("Un autre serveur a répondu.");
  return token({
    grant_type: "authorization_code",
    code: query.get("code"),
    redirect_uri: redirectUri,
    code_verifier: verifier,
  });
}

export const refresh = () => token({ grant_type: "refresh_token", refresh_token: kept().token?.refresh_token || "" });

export async function read(path) {
  const { iss, token: { access_token } } = kept();
  const headers = { Accept: "application/fhir+json", Authorization: `Bearer ${access_token}` };
  const answer = await fetch(`${iss}/${path}`, { headers });
  if (!answer.ok) throw new Error(`${path} : ${answer.status}`);
  return answer.json();
}
