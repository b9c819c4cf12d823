// One call: the microphone, the peer connection, the data channel and its keep-alive. Knows RTVI's envelope,
// not what the messages mean; draws nothing.

import { CallProblem, microphoneProblem } from "./problems.js";
import { sendOffer } from "./server.js";

const RTVI_VERSION = "2.2.0"; // Pipecat 1.14: user-input, and bot-output with spoken_status
const GATHER_MS = 2_000;
const CONNECT_MS = 15_000;
const READY_MS = 3_000; // an agent without RTVI never says bot-ready
const PING_MS = 1_000; // the server takes a caller silent for three seconds for gone
const LOST_MS = 4_000; // on top of about five that ICE takes to notice
const FAREWELL_MS = 2_000;

/**
 * The microphone, with the browser's echo and noise processing.
 * @returns {Promise<MediaStream>}
 * @throws {CallProblem}
 */
export async function openMicrophone() {
  if (!navigator.mediaDevices?.getUserMedia) throw new CallProblem("insecure-origin");
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw microphoneProblem(error);
  }
}

/** One call from offer to end. `on` has `ready()` (and again after an interruption of the network, which
 * `waiting()` tells), `message(message)`, `voice(stream)`, `ended(reason)` and `failed(problem)`; exactly one of
 * the last two is called, once. Reasons: you, agent, limit, error, lost. */
export class Call {
  #on;
  #microphone;
  #peer;
  #channel;
  #timers = new Map();
  #lastPing = 0;
  #sent = 0; // RTVI messages
  #connected = false;
  #ready = false;
  #over = false;
  #buffer = [{ secs: 0, samples: 0 }, { secs: 0, samples: 0 }]; // the two latest readings, older first
  #reason = null;

  /**
   * @param {MediaStream} microphone stopped when the call ends
   * @param {(string|RTCIceServer)[]} iceServers
   * @param {object} on
   */
  constructor(microphone, iceServers, on) {
    this.#on = on;
    this.#microphone = microphone;
    this.#peer = new RTCPeerConnection({
      iceServers: iceServers.map((server) => (typeof server === "string" ? { urls: server } : server)),
    });
  }

  /** Places the call. Returns when the offer is answered; `on.ready` says when the agent is there. */
  async place() {
    try {
      this.#prepare();
      await this.#peer.setLocalDescription(await this.#peer.createOffer());
      await this.#gathered();
      if (this.#over) return;
      if (!hasCandidate(this.#peer.localDescription)) throw new CallProblem("no-network");
      const answer = await sendOffer(this.#peer.localDescription);
      if (this.#over) return;
      if (!hasCandidate(answer)) throw new CallProblem("no-network");
      this.#after("connect", CONNECT_MS, () => this.#fail(new CallProblem("no-route")));
      await this.#peer.setRemoteDescription(answer);
    } catch (error) {
      if (!this.#over) this.#fail(error);
    }
  }

  /** Ends the call from this side. */
  hangUp() {
    this.#end("you");
  }

  /** Silences the microphone, or lets it be heard again; the connection stays. */
  setMuted(muted) {
    for (const track of this.#microphone.getAudioTracks()) track.enabled = !muted;
  }

  /**
   * Writes to the agent, who stops speaking and answers aloud.
   * @param {string} text
   * @returns {string|null} the message's id, which comes back with what the server makes of it; null if it
   *   could not be sent
   */
  write(text) {
    if (this.#channel?.readyState !== "open") return null;
    return this.#send("send-text", { content: text, options: { run_immediately: true, audio_response: true } });
  }

  /** Tells the server that the caller is there, at most once a second. Call it from any clock that ticks:
   * a background tab slows timers down, the audio thread's reports keep coming. */
  keepAlive() {
    if (this.#channel?.readyState !== "open" || performance.now() - this.#lastPing < PING_MS - 50) return;
    this.#lastPing = performance.now();
    this.#channel.send(`ping: ${Date.now()}`);
    this.#readBuffer();
  }

  /**
   * How long the agent's sound lies in the browser's jitter buffer: it grows when packets come unevenly, and
   * no server can see it.
   * @returns {Promise<number|null>} milliseconds, the mean of the last second or two
   */
  async playoutDelay() {
    const [before] = this.#buffer;
    await this.#readBuffer();
    const now = this.#buffer.at(-1);
    const samples = now.samples - before.samples;
    return samples > 0 ? Math.round(((now.secs - before.secs) / samples) * 1000) : null;
  }

  async #readBuffer() {
    const report = await this.#peer.getStats();
    const sound = [...report.values()].find((stat) => stat.type === "inbound-rtp" && stat.kind === "audio");
    if (!sound || this.#over) return;
    const { jitterBufferDelay: secs = 0, jitterBufferEmittedCount: samples = 0 } = sound;
    this.#buffer = [this.#buffer.at(-1), { secs, samples }];
  }

  #prepare() {
    const [track] = this.#microphone.getAudioTracks();
    this.#peer.addTransceiver(track, { direction: "sendrecv", streams: [this.#microphone] });
    this.#peer.ontrack = ({ track: agent }) => this.#on.voice(new MediaStream([agent]));
    this.#peer.onconnectionstatechange = () => this.#follow(this.#peer.connectionState);
    this.#channel = this.#peer.createDataChannel("rtvi", { ordered: true });
    this.#channel.onopen = () => this.#greet();
    this.#channel.onmessage = ({ data }) => this.#receive(data);
    this.#channel.onclose = () => this.#end(this.#reason ?? "lost");
  }

  #gathered() {
    return new Promise((resolve) => {
      const done = () => this.#peer.iceGatheringState === "complete" && resolve();
      this.#peer.onicegatheringstatechange = done;
      this.#after("gather", GATHER_MS, resolve);
      done();
    });
  }

  #greet() {
    this.keepAlive();
    this.#timers.set("ping", setInterval(() => this.keepAlive(), PING_MS));
    this.#send("client-ready", { version: RTVI_VERSION, about: { library: "voicekit-page" } });
    this.#after("ready", READY_MS, () => this.#becomeReady());
  }

  #send(type, data) {
    const id = String(++this.#sent);
    this.#channel.send(JSON.stringify({ label: "rtvi-ai", type, id, data }));
    return id;
  }

  #receive(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // not for us: the channel may carry other text
    }
    if (message?.type === "signalling" && message.message?.type === "peerLeft") {
      this.#end(this.#reason ?? "agent");
      return;
    }
    if (message?.label !== "rtvi-ai") return;
    if (message.type === "bot-ready") this.#becomeReady();
    if (message.type === "server-message" && message.data?.type === "ended") this.#farewell(message.data.reason);
    this.#on.message(message);
  }

  /** The agent says it is leaving: its last words may still be on the way. */
  #farewell(reason) {
    this.#reason = ["agent", "limit", "error"].includes(reason) ? reason : "agent";
    this.#after("farewell", FAREWELL_MS, () => this.#end(this.#reason));
  }

  #becomeReady() {
    if (this.#ready || this.#over) return;
    this.#ready = true;
    this.#on.ready();
  }

  #follow(state) {
    if (state === "connected") {
      if (this.#connected) this.#on.ready(); // again, after an interruption
      this.#connected = true;
      clearTimeout(this.#timers.get("connect"));
      clearTimeout(this.#timers.get("lost"));
    }
    if (state === "disconnected") {
      this.#on.waiting();
      this.#after("lost", LOST_MS, () => this.#end(this.#reason ?? "lost"));
    }
    if (state === "failed" && this.#connected) this.#end(this.#reason ?? "lost");
    else if (state === "failed") this.#fail(new CallProblem("no-route"));
  }

  #after(name, ms, action) {
    clearTimeout(this.#timers.get(name));
    this.#timers.set(name, setTimeout(action, ms));
  }

  #end(reason) {
    if (this.#close()) this.#on.ended(reason);
  }

  #fail(error) {
    if (this.#close()) this.#on.failed(error);
  }

  #close() {
    if (this.#over) return false;
    this.#over = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const track of this.#microphone.getTracks()) track.stop();
    this.#peer.close();
    return true;
  }
}

/** A machine with loopback only has no candidates: Chromium and aiortc both leave loopback out. */
function hasCandidate({ sdp }) {
  return sdp.includes("a=candidate:");
}
