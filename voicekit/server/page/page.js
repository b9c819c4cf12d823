// The fixed parts of the page: the state in words, the button, the problem panel, the agent's card, the figures.
// Decides nothing; main.js says what to show.

import { seconds } from "./transcript.js";

const STATES = {
  idle: "Not connected",
  failed: "Not connected",
  asking: "Asking for the microphone…",
  connecting: "Connecting…",
  listening: "Listening",
  "user-speaking": "You are speaking",
  thinking: "Thinking…",
  "agent-speaking": "Agent speaking",
  ended: "Call ended",
};
const IN_CALL = ["asking", "connecting", "listening", "user-speaking", "thinking", "agent-speaking"];
const WITH_AGENT = IN_CALL.slice(2);
const READ_OUT = ["asking", "connecting", "ended", "failed"]; // the others change with every breath
const EMULATED = "Emulated: no provider is called.";
const HEARS = "Emulated: the agent hears “{hears}” whatever you say. Write to it instead.";
const KEPT = 4; // announcements stay long enough to be read

/** The page's elements by id. */
export const elements = Object.fromEntries(
  [...document.querySelectorAll("[id]")].map((element) => [element.id, element]),
);

/**
 * Shows a state.
 * @param {keyof STATES} state
 * @param {string} [words] instead of the state's own
 */
export function showState(state, words = STATES[state]) {
  const { state: label, call, mute } = elements;
  const before = label.dataset.state;
  if (state === before && label.textContent === words) return;
  const busy = IN_CALL.includes(state);
  label.textContent = words;
  label.dataset.state = state;
  call.dataset.action = busy ? "hang-up" : "call";
  elements["call-label"].textContent = busy ? "Hang up" : CALL_LABELS[state];
  if (!busy && document.activeElement === mute) call.focus();
  mute.disabled = !busy;
  if (READ_OUT.includes(state) || before === "connecting") say(words);
}

/** What the field for writing allows in a state. */
export function writable(state) {
  return { write: IN_CALL.includes(state), send: WITH_AGENT.includes(state) };
}

const CALL_LABELS = { idle: "Call", failed: "Try again", ended: "Call again" };

/** Has a screen reader say something when it next pauses. */
export function say(text) {
  const line = document.createElement("p");
  line.textContent = text;
  elements.announcer.append(line);
  while (elements.announcer.children.length > KEPT) elements.announcer.firstChild.remove();
}

/** @param {import("./problems.js").CallProblem} problem */
export function showProblem({ kind, text, help }) {
  elements["problem-text"].textContent = text;
  elements["problem-help"].textContent = help;
  elements.unblock.hidden = kind !== "sound-blocked";
  elements.problem.hidden = false;
}

export function hideProblem() {
  elements.problem.hidden = true;
}

/** @param {Awaited<ReturnType<import("./server.js").readAgent>>} agent */
export function showAgent({ name, description, language, greeting, emulated, hears }) {
  elements.name.textContent = name || "voicekit";
  document.title = name ? `${name} · voicekit` : "voicekit";
  elements.description.textContent = description ?? "";
  elements.description.hidden = !description;
  elements.emulated.textContent = hears ? HEARS.replace("{hears}", () => hears) : EMULATED;
  elements.emulated.hidden = !emulated;
  elements.greeting.textContent = greeting ? `“${greeting}”` : "";
  elements.greeting.hidden = !greeting;
  if (language) elements.description.lang = elements.greeting.lang = language;
}

/** Shows the transcript, or while it is empty the words of welcome. */
export function showTranscript(visible) {
  elements.welcome.hidden = visible;
  elements.scroller.hidden = !visible;
}

export function showMuted(muted) {
  elements.mute.setAttribute("aria-pressed", String(muted));
  elements["mute-label"].textContent = muted ? "Muted" : "Mute";
}

/** @param {{medianMs: number|null, bargeIns: number[], turns: {answerMs: number|null}[]}} conversation */
export function showFigures({ medianMs, bargeIns, turns }) {
  const count = turns.filter((turn) => turn.answerMs !== null).length;
  const figures = [];
  if (count) figures.push(`median of ${count} answer${count > 1 ? "s" : ""} ${seconds(medianMs)}`);
  if (bargeIns.length) figures.push(`last interruption: silent after ${seconds(bargeIns.at(-1))}`);
  elements.figures.textContent = figures.join(" · ");
}
