// The ear: when either side begins and stops being loud, and how loud it is now. Knows no words and no page.
//
// Both sides pass one AudioWorklet, so their times share one clock and survive a background tab, where timers
// are throttled but audio is not. A time is good to one quantum (2.7 ms at 48 kHz); what "loud" means (see
// ear-worklet.js) moves the end of a word that fades by some 20 ms. Not included, because the page cannot see
// them: the microphone's way into the browser (10 to 30 ms) and the way out to the loudspeaker (10 to 40 ms,
// up to 250 ms over Bluetooth). What a person feels is longer by those two.

/** One call's ear. Events go to `heard`: `{type: "onset"|"rest", who: "user"|"agent", at, …}` in seconds of
 * the audio clock, and `{type: "levels", user, agent}`, peaks from 0 to 1, about 23 times a second. */
export class Ear {
  #context;
  #node;
  #sources = [];
  #last = { user: { onset: null, end: null, active: false }, agent: { onset: null, end: null, active: false } };

  /** Must be called from a click: a context made elsewhere may stay silent. */
  constructor() {
    this.#context = new AudioContext({ latencyHint: "interactive" });
  }

  /**
   * Starts listening.
   * @param {MediaStream} microphone
   * @param {(event: object) => void} heard
   */
  async open(microphone, heard) {
    await this.#context.audioWorklet.addModule(new URL("ear-worklet.js", import.meta.url));
    if (this.#context.state === "closed") return;
    this.#node = new AudioWorkletNode(this.#context, "ear", { numberOfInputs: 2, numberOfOutputs: 0 });
    this.#node.port.onmessage = ({ data }) => {
      this.#note(data);
      heard(data);
    };
    this.#connect(microphone, 0);
    this.#context.resume(); // not awaited: where sound is blocked it waits for a click
  }

  /** Adds the agent's side. Its stream must also play in a media element, or Chromium decodes nothing. */
  listenTo(agent) {
    if (this.#node) this.#connect(agent, 1);
  }

  /** The last begin and end of each side: `{user: {onset, end, active}, agent: {…}}`; null before the first. */
  get last() {
    return structuredClone(this.#last);
  }

  /** Seconds of the audio clock. */
  get now() {
    return this.#context.currentTime;
  }

  /** True while the browser holds the sound back until someone clicks. */
  get blocked() {
    return this.#context.state === "suspended";
  }

  /** Lets the clock run after a click. */
  resume() {
    return this.#context.resume();
  }

  close() {
    this.#node?.port.postMessage("close");
    for (const source of this.#sources) source.disconnect();
    if (this.#context.state !== "closed") this.#context.close();
  }

  #connect(stream, input) {
    const source = this.#context.createMediaStreamSource(stream);
    source.connect(this.#node, 0, input);
    this.#sources.push(source); // kept: an unreferenced source may be collected and fall silent
  }

  #note({ type, who, at }) {
    if (type === "onset") Object.assign(this.#last[who], { onset: at, active: true });
    if (type === "rest") Object.assign(this.#last[who], { end: at, active: false });
  }
}
