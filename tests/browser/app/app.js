// The SMART JavaScript client as its documentation shows it. https://docs.smarthealthit.org/client-js/
const show = (id, text) => { document.getElementById(id).textContent = text; };
// A public app says who it is when it refreshes, too: RFC 6749 §6, §3.2.1.
FHIR.oauth2.settings.refreshTokenWithClientId = true;
const query = new URLSearchParams(location.search);
if (!query.has("state")) {
  FHIR.oauth2.authorize({
    iss: query.get("iss"),
    clientId: query.get("client"),
    scope: query.get("scope"),
    redirectUri: "index.html",
    pkceMode: "required",
  }).catch((error) => show("state", `failed: ${error.message}`));
} else {
  FHIR.oauth2.ready().then(async (client) => {
    const patient = await client.patient.read();
    show("patient", patient.name[0].family);
    show("scope", client.state.tokenResponse.scope);
    show("state", `ready ${client.state.tokenResponse.access_token}`);
    document.getElementById("refresh").addEventListener("click", async () => {
      try {
        await client.refresh();
        const again = await client.request(`Patient/${client.patient.id}`);
        show("state", `refreshed ${client.state.tokenResponse.access_token} ${again.id}`);
      } catch (error) {
        show("state", `failed: ${error.message}`);
      }
    });
  }).catch((error) => show("state", `failed: ${error.message}`));
}
