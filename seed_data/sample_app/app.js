// Shows a record: what the person left out on the consent page is simply not there.
import { authorize, complete, forget, read, refresh } from "./smart.js";

const SCOPE =
  "openid fhirUser launch/patient offline_access patient/Patient.rs patient/Observation.rs patient/Condition.rs " +
  "patient/MedicationRequest.rs patient/AllergyIntolerance.rs patient/Immunization.rs";
const PARTS = [
  ["Condition", "Problèmes de santé", (r) => [words(r.code), r.onsetDateTime]],
  ["AllergyIntolerance", "Allergies", (r) => [words(r.code), r.recordedDate]],
  ["MedicationRequest", "Médicaments", (r) => [words(r.medicationCodeableConcept) || r.medicationReference?.display, r.authoredOn]],
  ["Immunization", "Vaccinations", (r) => [words(r.vaccineCode), r.occurrenceDateTime]],
  ["Observation", "Derniers résultats", (r) => [`${words(r.code)} : ${value(r)}`, r.effectiveDateTime]],
];

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const redirectUri = location.origin + location.pathname;
const words = (concept) => concept?.text || concept?.coding?.[0]?.display || concept?.coding?.[0]?.code || "";
const day = (date) => (date ? new Date(date).toLocaleDateString("fr-FR") : "");
const value = (r) =>
  r.valueQuantity ? `${r.valueQuantity.value} ${r.valueQuantity.unit || ""}` : words(r.valueCodeableConcept) || r.valueString || "—";
const say = (text) => { $("status").textContent = text; };

function add(parent, tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  parent.append(element);
  return element;
}

function start() {
  const iss = query.get("iss") || `${location.origin}/fhir`;
  const launch = query.get("launch");
  const scope = launch ? SCOPE.replace("launch/patient", "launch") : SCOPE;
  return authorize({ iss, clientId: "demo-sample-app", scope, redirectUri, launch });
}

async function part([type, title, line], patient) {
  const sort = type === "Observation" ? "&_sort=-date" : "";
  const bundle = await read(`${type}?patient=${encodeURIComponent(patient)}&_count=8${sort}`);
  const section = add($("parts"), "section", "");
  add(section, "h3", title);
  const list = add(section, "ul", "");
  for (const { resource } of bundle.entry || []) {
    const [text, date] = line(resource);
    add(add(list, "li", text), "span", date ? ` ${day(date)}` : "");
  }
  if (!list.children.length) add(section, "p", "Rien à afficher.");
}

async function show(token) {
  $("scopes").replaceChildren();
  for (const scope of token.scope.split(" ")) add($("scopes"), "li", scope);
  const may = (type) => token.scope.split(" ").some((s) => s.startsWith(`patient/${type}.`) || s.startsWith("patient/*."));
  const patient = may("Patient") ? await read(`Patient/${token.patient}`) : { id: token.patient };
  const name = patient.name?.find((n) => n.use === "official") || patient.name?.[0];
  $("name").textContent = name ? `${(name.given || []).join(" ")} ${name.family}` : `Dossier ${patient.id}`;
  $("facts").textContent = patient.birthDate ? `Né(e) le ${day(patient.birthDate)}` : "";
  $("record").hidden = false;
  say("Dossier ouvert avec votre accord.");
  $("parts").replaceChildren();
  for (const one of PARTS) if (may(one[0])) await part(one, token.patient);
  $("renew").hidden = !token.refresh_token;
}

$("launch").addEventListener("click", () => start().catch((error) => say(error.message)));
$("leave").addEventListener("click", () => { forget(); location.assign(redirectUri); });
$("renew").addEventListener("click", () => refresh().then(show).then(() => say("Accès renouvelé.")).catch((e) => say(e.message)));

try {
  const token = query.has("launch") ? null : await complete(query);
  if (query.has("code")) history.replaceState(null, "", redirectUri);
  if (query.has("launch")) await start();
  else if (token) await show(token);
  else { say("Aucun dossier n’est ouvert."); $("launch").hidden = false; }
} catch (error) {
  say(error.message);
  $("launch").hidden = false;
}
