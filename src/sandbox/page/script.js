"use strict";

const status = document.getElementById("status");
// The link to the deliveries is in the way where they are in view.
const jump = document.querySelector(".jump");
const deliveries = document.getElementById("deliveries");
const limit = Number(deliveries.dataset.limit);

let silence;

/// Scrolls an element to where neither the message nor the link to the deliveries covers it.
function uncover(element) {
  const { top, bottom } = element.getBoundingClientRect();
  const from = status.textContent ? status.getBoundingClientRect().bottom : 0;
  const to = jump.hidden ? innerHeight : Math.min(innerHeight, jump.getBoundingClientRect().top || innerHeight);
  if (element === document.body || bottom - top > to - from) {
    return;
  }
  if (top < from) {
    scrollBy(0, top - from - 8);
  } else if (bottom > to) {
    scrollBy(0, bottom - to + 8);
  }
}

/// Says what came of it, as long as it takes to read; read out where the page is listened to.
function say(text) {
  clearTimeout(silence);
  status.textContent = text;
  if (text) {
    uncover(document.activeElement);
    silence = setTimeout(say, 5000 + 50 * text.length, "");
  }
}

function row(number) {
  return deliveries.querySelector(`:scope > [data-number="${number}"]`);
}

/// The summaries and buttons of a part of the page, by which what was opened and what had the focus is found again.
function places(part) {
  return [...part.querySelectorAll("summary, button, input, a")];
}

/// Replaces the content of an element. What was opened stays open, and the focus stays where it was.
function replace(element, html) {
  const opened = [...element.querySelectorAll("details[open][id]")].map((it) => it.id);
  const active = document.activeElement;
  const focused = element.contains(active) ? [active.closest("[id]")?.id, places(element).indexOf(active)] : null;
  element.innerHTML = html;
  for (const id of opened) {
    const details = document.getElementById(id);
    if (details) {
      details.open = true;
    }
  }
  if (focused) {
    places(element)[focused[1]]?.focus();
  }
}

/// Shows a delivery that is new or has another attempt.
function showDelivery({ number, row: html }) {
  const known = row(number);
  if (html === null) {
    known?.remove();
    return;
  }
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.firstElementChild;
  if (known) {
    fresh.querySelector("details").open = known.querySelector("details").open;
    const focused = known.contains(document.activeElement);
    known.replaceWith(fresh);
    if (focused) {
      fresh.querySelector("summary").focus();
    }
    return;
  }
  const next = [...deliveries.children].find((it) => Number(it.dataset.number) < number);
  deliveries.insertBefore(fresh, next ?? null);
}

/// Shows what is new, and leaves alone what is not: the focus and what was opened stay.
function show(news) {
  if (news.seed !== document.body.dataset.seed) {
    location.reload();
    return;
  }
  document.body.dataset.version = news.version;
  deliveries.dataset.last = news.last;
  news.deliveries.forEach(showDelivery);
  for (const it of [...deliveries.children]) {
    if (Number(it.dataset.number) <= news.cleared) {
      it.remove();
    }
  }
  while (deliveries.childElementCount > limit) {
    deliveries.lastElementChild.remove();
  }
  document.getElementById("nothing").hidden = deliveries.childElementCount > 0;
  for (const [name, part] of Object.entries(news.parts)) {
    const place = document.querySelector(`[data-part="${name}"]`);
    if (place && place.shown !== part) {
      replace(place, part);
      place.shown = part;
    }
  }
  tick();
}

async function follow() {
  const view = new URLSearchParams(location.search);
  for (;;) {
    try {
      const seen = new URLSearchParams(view);
      seen.set("version", document.body.dataset.version);
      seen.set("attempt", deliveries.dataset.last);
      const answer = await fetch(`/_sandbox/news?${seen}`);
      if (answer.status === 200) {
        show(await answer.json());
      }
      // Many changes at once are shown together.
      await new Promise((resolve) => setTimeout(resolve, 50));
    } catch {
      say("The sandbox does not respond.");
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}

/// The time until something happens, in its two largest units.
function span(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) {
    return "now";
  }
  let rest = seconds;
  const parts = units.slice(first, first + 2).map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count > 0 ? `${count} ${unit}` : "";
  });
  return `in ${parts.filter(Boolean).join(" ")}`;
}

/// Counts down to what happens next.
function tick() {
  for (const time of document.querySelectorAll("time[data-next]")) {
    const text = span(Math.round((Date.parse(time.dataset.next) - Date.now()) / 1000));
    if (time.textContent !== text) {
      time.textContent = text;
    }
  }
}

async function ask(url, options) {
  const answer = await fetch(url, options);
  const result = await answer.json();
  return answer.ok ? result : Promise.reject(new Error(result.error));
}

function complain(error) {
  say(error instanceof TypeError ? "The sandbox does not respond." : error.message);
}

/// Does what a button asks for, and says what came of it.
async function act(button, action) {
  button.setAttribute("aria-busy", "true");
  await action().then(say, complain);
  button.removeAttribute("aria-busy");
}

/// JSON with the payload as it was typed, so that its numbers stay as they are.
function delivery(form, event) {
  const payload = form.elements.payload?.value.trim();
  return payload ? `{"event": ${JSON.stringify(event)}, "payload": ${payload}}` : JSON.stringify({ event });
}

async function deliver(form, button) {
  const event = button.value || form.elements.event.value;
  say(`${event} is being delivered.`);
  const headers = { "content-type": "application/json" };
  const result = await ask(form.action, { method: "POST", headers, body: delivery(form, event) });
  if (result.length === 0) {
    return `${event} was not delivered: nothing is registered for it, or it is held back.`;
  }
  return `${event}: ${result.map((attempt) => attempt.status ?? attempt.error).join(", ")}.`;
}

async function submit(form, button) {
  const body = new URLSearchParams(new FormData(form, button));
  const result = await ask(form.action, { method: "POST", headers: { accept: "application/json" }, body });
  return result.message;
}

async function copy(link) {
  const answer = await fetch(link.href);
  const text = await answer.text();
  try {
    await navigator.clipboard.writeText(text);
    return "The command is copied.";
  } catch {
    location.assign(link.href);
    return "";
  }
}

document.addEventListener("submit", (event) => {
  const { target: form, submitter: button } = event;
  const action = form.matches("form.deliver") ? deliver : form.matches("form[data-live]") ? submit : null;
  if (action && button) {
    event.preventDefault();
    act(button, () => action(form, button));
  }
});

document.addEventListener("focusin", ({ target }) => {
  // What is pressed with a pointer stays below it.
  if (target.matches(":focus-visible")) {
    uncover(target);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    say("");
  }
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-copy]");
  if (link) {
    event.preventDefault();
    act(link, () => copy(link));
  }
});

/// The editor of payloads: the example of the event, and the violations while one types.
function edit(details) {
  const form = details.querySelector("form");
  const { event, payload } = form.elements;
  const place = details.querySelector(".check");
  const base = `/_sandbox/${details.dataset.provider}`;
  const named = () => `event=${encodeURIComponent(event.value)}`;
  /// What was typed for each event.
  const typed = new Map();
  let waiting;
  let asked = 0;

  async function load() {
    const name = event.value;
    const answer = await fetch(`${base}/example?${named()}`);
    const example = await answer.text();
    // Another event may have been chosen, or something typed.
    if (event.value === name) {
      payload.value = typed.get(name) ?? example;
      await check();
    }
  }

  async function check() {
    asked += 1;
    const number = asked;
    const body = payload.value;
    if (!body.trim()) {
      place.textContent = "";
      payload.removeAttribute("aria-invalid");
      return;
    }
    const { violations } = await ask(`${base}/check?${named()}`, { method: "POST", body });
    // An answer to what was typed before is too late.
    if (number === asked) {
      list(violations);
    }
  }

  function list(violations) {
    place.replaceChildren();
    payload.setAttribute("aria-invalid", String(violations.length > 0));
    if (violations.length === 0) {
      place.textContent = "The payload matches the specification.";
      return;
    }
    const items = document.createElement("ul");
    for (const { pointer, message, line, start, end } of violations) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `Line ${line}${pointer ? `, ${pointer}` : ""}: ${message}`;
      button.addEventListener("click", () => {
        payload.focus();
        payload.setSelectionRange(start, end);
      });
      items.appendChild(document.createElement("li")).append(button);
    }
    place.append(items);
  }

  const reset = details.querySelector("[data-reset]");
  reset.hidden = false;
  reset.addEventListener("click", () => act(reset, async () => {
    typed.delete(event.value);
    await load();
    return `The payload is the example of ${event.value}.`;
  }));
  details.addEventListener("toggle", () => {
    if (details.open && !payload.value) {
      load().catch(complain);
    }
  });
  event.addEventListener("change", () => load().catch(complain));
  payload.addEventListener("input", () => {
    if (payload.value.trim()) {
      typed.set(event.value, payload.value);
    } else {
      typed.delete(event.value);
    }
    clearTimeout(waiting);
    waiting = setTimeout(() => check().catch(complain), 200);
  });
}

new IntersectionObserver(([log]) => (jump.hidden = log.isIntersecting)).observe(document.getElementById("log"));

document.querySelectorAll("details.editor").forEach(edit);
setInterval(tick, 1000);
tick();
follow();
