// What was said in one call, in order, and who is at it now: RTVI messages and the ear's times in, rows out.
// Pure; no page, no network.

import { Speech, join } from "./speech.js";
import { Stopwatch } from "./stopwatch.js";

const PAUSE_MS = 3_000; // after a longer silence the agent starts a new line
const GAP_MS = 1_500; // between two sentences of one line

/** Rows are plain objects, changed in place; `changed(row)` is called for a new or altered row,
 * `removed(row)` for one that turned out empty. Row kinds: "turn" (`who` is user or agent), "tool",
 * "filler", "notice". */
export class Conversation {
  rows = [];
  bargeIns = [];
  #on;
  #stopwatch;
  #voice = { hasWords: false };
  #userSpeaking = false;
  #agentSpeaking = false;
  #thinking = false;
  #agent = null; // the agent's open line
  #agentStopped = 0;
  #pending = {}; // answerMs and breakdown that came before their line
  #cut = null; // the line that was interrupted last
  #wrote = false; // the model wrote something in its present response
  #toolsRunning = 0;
  #hasUserInput = false;

  /**
   * @param {{changed: (row: object) => void, removed: (row: object) => void}} on
   * @param {import("./ear.js").Ear | null} ear
   */
  constructor(on, ear) {
    this.#on = on;
    this.#stopwatch = new Stopwatch(ear);
  }

  /** "user-speaking", "agent-speaking", "thinking" or "listening". */
  get activity() {
    if (this.#userSpeaking) return "user-speaking";
    if (this.#agentSpeaking) return "agent-speaking";
    return this.#thinking ? "thinking" : "listening";
  }

  get turns() {
    return this.rows.filter((row) => row.kind === "turn");
  }

  /** The middle of the call's answer times in milliseconds; null before the first. */
  get medianMs() {
    return median(this.turns.map((turn) => turn.answerMs).filter((ms) => ms !== null));
  }

  /** Takes one RTVI message. */
  receive({ type, data = {} }) {
    HANDLERS.get(type)?.call(this, data);
  }

  /** Takes one event of the ear; true if it was the beginning of an answer. */
  hear({ type, who, at, userLast }) {
    if (who !== "agent") return false;
    if (type === "rest") this.#silenced(this.#stopwatch.silent(at));
    return type === "onset" && this.#answered(this.#stopwatch.answered(at, userLast));
  }

  /** How long the answer's sound had lain in the browser's buffer, in milliseconds, or null. */
  buffered(ms) {
    this.#attach({ bufferMs: ms });
  }

  /** Adds a line that nobody spoke. */
  notice(text, help = "") {
    this.#add({ kind: "notice", text, help });
  }

  /** The call is over: what was still open is closed. */
  end() {
    if (this.#agent && this.#agentSpeaking) this.#agent.cutOff = "hang-up";
    this.#closeAgent(this.#agentSpeaking);
    this.#userSpeaking = this.#agentSpeaking = this.#thinking = false;
    for (const row of this.turns) if (row.who === "user" && !row.final) this.#settle(row);
    for (const row of this.#running()) this.#stopTool(row, true);
  }

  // -- the user ---------------------------------------------------------------------------------------------

  userStarted() {
    this.#userSpeaking = true;
    this.#thinking = false;
    this.#stopwatch.userSpoke();
    const row = this.#lastUser();
    if (row && !row.text && row !== this.rows.at(-1)) this.#remove(row);
    if (!this.#userRowIsOpen(row)) this.#addUser();
  }

  userStopped() {
    this.#userSpeaking = false;
    this.#thinking = true;
    if (!this.#agentSpeaking) this.#closeAgent(false);
  }

  /** Takes what the user wrote: shown at once, before the server tells it under the same id. */
  userWrote(text, id) {
    this.#thinking = true;
    this.#stopwatch.userWrote();
    const row = this.#addUser();
    Object.assign(row, { writtenId: id, text, final: true });
    this.#on.changed(row);
  }

  /** The server has what was written, and an agent who spoke has been interrupted: the next line is the answer. */
  writingTaken({ text, msg_id: id }) {
    if (!this.turns.some((turn) => turn.writtenId === id)) this.userWrote(text, id);
    if (!this.#agentSpeaking) this.#closeAgent(false);
  }

  userSaid({ text, final, input_type: kind = "transcription" }) {
    if (kind === "backchannel") {
      const row = this.#addUser();
      Object.assign(row, { committed: text, text, final: true });
      this.#on.changed(row);
      return;
    }
    this.#stopwatch.userSpoke();
    const row = this.#rowForUserText();
    if (final) row.committed = join(row.committed, text.trim());
    row.text = final ? row.committed : join(row.committed, text.trim());
    row.final = final;
    this.#on.changed(row);
  }

  #lastUser() {
    return this.rows.findLast((row) => row.kind === "turn" && row.who === "user" && row.writtenId === null);
  }

  /** What the user says stays one row until the agent has a line after it, or the user writes. */
  #userRowIsOpen(row) {
    const closes = (later) => later.who === "agent" || (later.who === "user" && later.writtenId !== null);
    return row && !this.rows.slice(this.rows.indexOf(row)).some(closes);
  }

  /** Late transcriptions belong to the row their speech opened, even when the answer has begun. */
  #rowForUserText() {
    const row = this.#lastUser();
    if (row && (!row.final || this.#userRowIsOpen(row))) return row;
    return this.#addUser();
  }

  #addUser() {
    return this.#add({
      kind: "turn", who: "user", text: "", committed: "", writtenId: null, final: false,
      interrupted: false, answerMs: null, breakdown: null,
    });
  }

  /** An interim that no final followed is what was heard; nothing heard is no row. */
  #settle(row) {
    if (!row.text) return this.#remove(row);
    row.final = true;
    this.#on.changed(row);
  }

  // -- the agent --------------------------------------------------------------------------------------------

  agentStarted() {
    this.#agentSpeaking = true;
    this.#thinking = false;
    this.#say(this.#openAgent());
  }

  agentStopped() {
    this.#agentSpeaking = false;
    this.#agentStopped = performance.now();
    if (this.#agent) this.#say(this.#agent);
    this.#dropUnsaid();
    if (this.#toolsRunning) this.#thinking = true;
  }

  /** Sound that began as the user interrupted it is no line: no word of it was told. */
  #dropUnsaid() {
    if (!this.#agent || this.#agent.text || !this.#userSpeaking) return;
    this.#remove(this.#agent);
    this.#agent = null;
  }

  agentWrote({ text }) {
    this.#wrote = true;
    const row = this.#openAgent();
    row.speech.announce(text);
    this.#say(row);
  }

  agentSpoke(data) {
    const lines = this.turns.filter((turn) => turn.who === "agent");
    const row = lines.find((line) => line.speech.has(data.segment_id))
      ?? lines.find((line) => !line.interrupted && line.speech.expects(data.text))
      ?? this.#openAgent();
    if (row.interrupted) return; // its last word is already on the page
    row.speech.report(data);
    this.#say(row);
  }

  /** Pipecat says this at the start of every user turn: it cuts off only what was not said to its end. */
  agentInterrupted() {
    const row = this.#agent;
    if (!row || !(this.#agentSpeaking || this.#hasMoreToSay(row))) return;
    row.interrupted = true;
    row.cutOff = "user";
    this.#closeAgent(true);
    this.#cut = row;
    this.#silenced(this.#stopwatch.interrupted());
  }

  responseStarted() {
    this.#wrote = false;
    if (this.#agent?.beforeTool) this.#closeAgent(false);
    if (!this.#agentSpeaking && !this.#userSpeaking) this.#thinking = true;
  }

  responseStopped() {
    if (!this.#wrote && !this.#toolsRunning && !this.#agentSpeaking) this.#thinking = false;
  }

  #openAgent() {
    const paused = !this.#agentSpeaking && performance.now() - this.#agentStopped > PAUSE_MS;
    if (this.#agent?.spoke && paused) this.#closeAgent(false);
    if (this.#agent) return this.#agent;
    this.#agent = this.#add({
      kind: "turn", who: "agent", text: "", speech: new Speech(this.#voice),
      final: false, interrupted: false, cutOff: null,
      spoke: false, beforeTool: false, answerMs: null, breakdown: null, bufferMs: null, silencedMs: null,
      ...this.#pending,
    });
    this.#pending = {};
    return this.#agent;
  }

  /** Between two sentences the agent is silent for a moment; long after the last one, nothing is to come. */
  #hasMoreToSay(row) {
    return row.speech.unsaid && (!row.spoke || performance.now() - this.#agentStopped < GAP_MS);
  }

  #say(row) {
    row.spoke ||= this.#agentSpeaking;
    row.final = row !== this.#agent || (row.spoke && !this.#agentSpeaking && !row.speech.unsaid);
    row.text = row.speech.text;
    row.parts = row.speech.parts(row.spoke);
    this.#on.changed(row);
  }

  #closeAgent(cutOff) {
    const row = this.#agent;
    if (!row) return;
    if (!cutOff && row.spoke) row.speech.finish();
    this.#agent = null;
    this.#say(row);
  }

  // -- times ------------------------------------------------------------------------------------------------

  #answered(ms) {
    if (ms !== null) this.#attach({ answerMs: ms });
    return ms !== null;
  }

  #silenced(ms) {
    if (ms === null || !this.#cut) return;
    this.#cut.silencedMs = ms;
    this.bargeIns.push(ms);
    this.#on.changed(this.#cut);
  }

  turnMeasured({
    answer_ms = null, turn_ms = null, asr_ms = null, llm_ms = null, tts_ms = null, realtime_ms = null,
  }) {
    const breakdown = {
      answerMs: answer_ms, turnMs: turn_ms, asrMs: asr_ms, llmMs: llm_ms, ttsMs: tts_ms, realtimeMs: realtime_ms,
    };
    this.#attach({ breakdown });
  }

  /** Gives a time to the answer it belongs to, which may not have a line yet. */
  #attach(facts) {
    const row = this.turns.at(-1);
    if (row?.who !== "agent" || row.cutOff) {
      Object.assign(this.#pending, facts);
      return;
    }
    Object.assign(row, facts);
    this.#on.changed(row);
  }

  // -- tools ------------------------------------------------------------------------------------------------

  toolStarted({ function_name: name = null }) {
    this.#wrote = true;
    this.#toolsRunning += 1;
    if (!this.#agentSpeaking) this.#thinking = true;
    if (this.#agent) this.#agent.beforeTool = true; // what the model says with the result is a new line
    this.#add({ kind: "tool", name, id: null, state: "running", since: performance.now(), ms: null });
  }

  toolRuns({ tool_call_id: id, function_name: name = null }) {
    const row = this.#running().find((tool) => tool.id === null);
    if (!row) return;
    row.id = id;
    row.name ??= name;
    this.#on.changed(row);
  }

  toolStopped({ tool_call_id: id, function_name: name = null, cancelled = false }) {
    const row = this.#running().find((tool) => tool.id === id);
    if (!row) return;
    row.name ??= name;
    this.#stopTool(row, cancelled);
  }

  #running() {
    return this.rows.filter((row) => row.kind === "tool" && row.state === "running");
  }

  #stopTool(row, cancelled) {
    this.#toolsRunning = Math.max(0, this.#toolsRunning - 1);
    row.state = cancelled ? "cancelled" : "done";
    row.ms = Math.round(performance.now() - row.since);
    this.#on.changed(row);
  }

  // -- the server's own messages ----------------------------------------------------------------------------

  serverSaid(data) {
    if (data?.type === "problem") this.notice(String(data.text ?? ""), String(data.help ?? ""));
    if (data?.type === "turn") this.turnMeasured(data);
    if (data?.type === "filler") this.#add({ kind: "filler", text: String(data.text ?? "") });
  }

  /** Prefers user-input; servers that know it send the older user-transcription as well. */
  userInput(data) {
    this.#hasUserInput = true;
    if (data.input_type !== "chat") this.userSaid(data);
    else this.writingTaken(data);
  }

  userTranscription(data) {
    if (!this.#hasUserInput) this.userSaid(data);
  }

  failed({ error, fatal }) {
    if (fatal) this.notice("The agent stopped because of an error.", String(error ?? ""));
  }

  #add(row) {
    this.rows.push(row);
    this.#on.changed(row);
    return row;
  }

  #remove(row) {
    this.rows.splice(this.rows.indexOf(row), 1);
    this.#on.removed(row);
  }
}

const HANDLERS = new Map([
  ["user-started-speaking", Conversation.prototype.userStarted],
  ["user-stopped-speaking", Conversation.prototype.userStopped],
  ["user-input", Conversation.prototype.userInput],
  ["user-transcription", Conversation.prototype.userTranscription],
  ["bot-started-speaking", Conversation.prototype.agentStarted],
  ["bot-stopped-speaking", Conversation.prototype.agentStopped],
  ["bot-transcription", Conversation.prototype.agentWrote],
  ["bot-output", Conversation.prototype.agentSpoke],
  ["bot-interrupted", Conversation.prototype.agentInterrupted],
  ["bot-llm-started", Conversation.prototype.responseStarted],
  ["bot-llm-stopped", Conversation.prototype.responseStopped],
  ["llm-function-call-started", Conversation.prototype.toolStarted],
  ["llm-function-call-in-progress", Conversation.prototype.toolRuns],
  ["llm-function-call-stopped", Conversation.prototype.toolStopped],
  ["server-message", Conversation.prototype.serverSaid],
  ["error", Conversation.prototype.failed],
]);

function median(values) {
  if (!values.length) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : Math.round((sorted[middle - 1] + sorted[middle]) / 2);
}
