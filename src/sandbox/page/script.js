"use strict";

const status = document.getElementById("status");
const attempts = document.getElementById("attempts");

/// Says what came of it; read out where the page is listened to.
function say(text) {
  status.textContent = text;
}

/// Shows what is new, and leaves alone what is not: the focus and what was opened stay.
function show(news) {
  if (news.seed !== document.body.dataset.seed) {
    location.reload();
    return;
  }
  document.body.dataset.version = news.version;
  attempts.dataset.last = news.last;
  attempts.insertAdjacentHTML("afterbegin", news.attempts);
  document.getElementById("nothing").hidden = attempts.childElementCount > 0;
  for (const [name, part] of Object.entries(news.parts)) {
    const place = document.querySelector(`[data-part="${name}"]`);
    if (place.shown !== part) {
      place.innerHTML = part;
      place.shown = part;
    }
  }
}

async function follow() {
  for (;;) {
    try {
      const seen = new URLSearchParams({ version: document.body.dataset.version, attempt: attempts.dataset.last });
      const answer = await fetch(`/_sandbox/news?${seen}`);
      if (answer.status === 200) {
        show(await answer.json());
      }
    } catch {
      say("The sandbox does not respond.");
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}

/// JSON with the payload as it was typed, so that its numbers stay as they are.
function delivery(form, event) {
  const payload = form.elements.payload.value.trim();
  return payload ? `{"event": ${JSON.stringify(event)}, "payload": ${payload}}` : JSON.stringify({ event });
}

async function deliver(form, button) {
  const event = button.value;
  button.setAttribute("aria-busy", "true");
  say(`${event} is being delivered.`);
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: delivery(form, event),
    });
    const result = await answer.json();
    if (!answer.ok) {
      say(result.error);
    } else if (result.length === 0) {
      say(`${event} was not delivered: nothing is registered for it, or it is held back.`);
    } else {
      say(`${event}: ${result.map((attempt) => attempt.status ?? attempt.error).join(", ")}.`);
    }
  } catch {
    say("The sandbox does not respond.");
  }
  button.removeAttribute("aria-busy");
}

document.addEventListener("submit", (submit) => {
  if (submit.target.matches("form.deliver") && submit.submitter) {
    submit.preventDefault();
    deliver(submit.target, submit.submitter);
  }
});

follow();
