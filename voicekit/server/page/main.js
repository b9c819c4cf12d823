// One call after another: the button, the keyboard, and which part hears of what. Each part knows only its noun.

import { Call, openMicrophone } from "./call.js";
import { Conversation } from "./conversation.js";
import { Ear } from "./ear.js";
import { Meters } from "./meters.js";
import * as page from "./page.js";
import { CallProblem, asProblem } from "./problems.js";
import { readAgent } from "./server.js";
import { Transcript } from "./transcript.js";
import { Writing } from "./writing.js";

const ENDINGS = {
  you: "Call ended: you hung up",
  agent: "Call ended: the agent hung up",
  limit: "Call ended: it reached its limit",
  error: "Call ended: the agent stopped because of an error",
  lost: "Call ended: the connection was lost",
};

const { call: button, mute, unblock, voice, transcript: list, scroller, writing: form, written, send } = page.elements;
const meters = new Meters({ user: page.elements["meter-you"], agent: page.elements["meter-agent"] });
const transcript = new Transcript({ list, scroller, say: page.say });
const writing = new Writing({ form, field: written, button: send, otherwise: button }, write);
const problems = []; // since the page was opened
let agent = null; // what the server says about itself
let line = null; // the present call: {call, ear, conversation, muted}
let conversation = null; // the present or last one
let state = "idle";

function enter(next, words) {
  state = next;
  page.showState(next, words);
  writing.allow(page.writable(next));
}

function report(problem) {
  const { kind, text, help } = problem;
  problems.push({ kind, text, help });
  page.showProblem(problem);
}

async function meetAgent() {
  agent = await readAgent();
  page.showAgent(agent);
}

// -- a call begins ----------------------------------------------------------------------------------------

async function startCall() {
  page.hideProblem();
  line = { call: null, ear: newEar(), conversation: null, muted: false };
  const mine = line;
  enter("asking");
  let microphone = null;
  try {
    microphone = await openMicrophone();
    if (line !== mine) return stop(microphone);
    enter("connecting");
    if (!agent) await meetAgent();
    if (line !== mine) return stop(microphone);
    await connect(mine, microphone);
  } catch (error) {
    stop(microphone);
    if (line === mine) failed(error);
  }
}

function newEar() {
  try {
    return new Ear();
  } catch {
    return null; // no WebAudio: the call works, without meters and times
  }
}

async function connect(mine, microphone) {
  const present = (action) => (...args) => line === mine && action(...args);
  mine.conversation = conversation = newConversation(mine.ear);
  mine.call = new Call(microphone, agent.ice_servers ?? [], {
    ready: present(showActivity),
    waiting: present(() => enter("connecting", "Connection interrupted, waiting for it…")),
    message: present(receive),
    voice: present(play),
    ended: present(ended),
    failed: present(failed),
  });
  mine.call.setMuted(mine.muted);
  const [track] = microphone.getAudioTracks();
  track.onended = present(() => report(new CallProblem("microphone-stopped")));
  try {
    await mine.ear?.open(microphone, present(hear));
  } catch {
    mine.ear.close();
    mine.ear = null;
  }
  await mine.call.place();
}

function newConversation(ear) {
  transcript.begin(agent);
  const fresh = new Conversation({
    changed: (row) => {
      page.showTranscript(true);
      transcript.draw(row);
      page.showFigures(fresh);
    },
    removed: (row) => transcript.remove(row),
  }, ear);
  page.showFigures(fresh);
  return fresh;
}

// -- during a call ----------------------------------------------------------------------------------------

function receive(message) {
  line.conversation.receive(message);
  if (message.type === "server-message" && message.data?.type === "problem") {
    const { text = "", help = "" } = message.data;
    problems.push({ kind: "server", text: String(text), help: String(help) });
  }
  if (state !== "connecting") showActivity();
}

function showActivity() {
  const { activity } = line.conversation;
  enter(activity, line.muted && activity === "listening" ? "You are muted" : undefined);
}

function hear(event) {
  line.call.keepAlive();
  if (event.type === "levels") meters.draw(event);
  else if (line.conversation.hear(event)) explainAnswer(line);
}

async function explainAnswer({ call, conversation: talk }) {
  const ms = await call.playoutDelay();
  if (ms !== null) talk.buffered(ms);
}

async function play(stream) {
  const { ear } = line;
  ear?.listenTo(stream);
  voice.srcObject = stream;
  try {
    await voice.play();
    if (ear?.blocked) throw new DOMException("The audio clock stands still.", "NotAllowedError");
  } catch (error) {
    if (line?.ear === ear && error.name === "NotAllowedError") report(new CallProblem("sound-blocked"));
  }
}

async function allowSound() {
  page.hideProblem();
  button.focus();
  await Promise.all([voice.play(), line?.ear?.resume()]);
}

function write(text) {
  const id = line.call.write(text);
  if (id === null) return false;
  line.conversation.userWrote(text, id);
  showActivity();
  return true;
}

function toggleMuted() {
  if (!line) return;
  line.muted = !line.muted;
  line.call?.setMuted(line.muted);
  page.showMuted(line.muted);
  page.say(line.muted ? "You are muted" : "You are heard again");
  if (state === "listening") showActivity();
}

// -- a call ends ------------------------------------------------------------------------------------------

function hangUp() {
  if (line?.call) line.call.hangUp();
  else if (line) ended("you"); // still asking for the microphone
}

function ended(reason) {
  close();
  enter("ended", ENDINGS[reason]);
  if (reason === "lost") report(new CallProblem("connection-lost"));
}

function failed(error) {
  close();
  page.showTranscript(Boolean(conversation?.rows.length));
  report(asProblem(error));
  enter("failed");
  button.focus();
}

function close() {
  line.conversation?.end();
  line.ear?.close();
  line = null;
  voice.srcObject = null;
  meters.clear();
  page.showMuted(false);
}

function stop(microphone) {
  for (const track of microphone?.getTracks() ?? []) track.stop();
}

// -- the button, the keyboard, the tests' window --------------------------------------------------------------

function onButton({ detail: clicks }) {
  if (clicks > 1) return; // the second half of a double click is not a hang-up
  if (line) hangUp();
  else startCall();
}

function onKey(event) {
  if (event.repeat && event.target === button) event.preventDefault(); // a held Enter calls once
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === "Escape") hangUp();
  if (event.key === "m" || event.key === "M") toggleMuted();
}

function snapshot() {
  const turns = (conversation?.turns ?? []).map(({ who, text, final, interrupted, answerMs, breakdown }) => (
    { who, text, final, interrupted, answerMs, breakdown }
  ));
  return structuredClone({ state, turns, bargeIns: conversation?.bargeIns ?? [], problems });
}

button.addEventListener("click", onButton);
mute.addEventListener("click", toggleMuted);
unblock.addEventListener("click", allowSound);
document.addEventListener("keydown", onKey);
window.addEventListener("pagehide", hangUp); // so that the server need not wait for missing pings
Object.defineProperty(window, "voicekit", { get: snapshot }); // read-only, for tests: a copy each time
button.focus();
meetAgent().catch((error) => {
  report(asProblem(error));
  enter("failed");
});
