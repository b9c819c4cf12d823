// Hears both sides of the call on one clock. Runs on the audio thread; imports nothing.
//
// Input 0 is the microphone, input 1 the agent. Every quantum (128 samples, 2.7 ms at 48 kHz) is loud or not.
// Four loud quanta within twelve are speech, which keeps clicks out; speech ends when nothing has been loud
// for a quarter of a second. Times are seconds of the audio context's clock, at the start of a quantum.

const WINDOW = 12;
const ENOUGH = 4;
const REST_SECS = 0.25;
const LEVEL_EVERY = 16; // quanta; about 23 reports a second

class Side {
  constructor(quietest) {
    this.quietest = quietest;
    this.floor = quietest / 4;
    this.recent = []; // start times of the loud quanta in the window
    this.active = false;
    this.last = null;
    this.peak = 0;
  }

  /** Takes one quantum; returns "onset", "rest" or null. */
  hear(samples, at) {
    const peak = samples ? loudest(samples) : 0;
    this.peak = Math.max(this.peak, peak);
    const loud = peak > Math.max(this.quietest, this.floor * 4);
    this.follow(peak);
    const since = at - (WINDOW * 128) / sampleRate;
    while (this.recent.length && this.recent[0] <= since) this.recent.shift();
    if (loud) this.recent.push(at);
    const speech = loud && this.recent.length >= ENOUGH;
    if (speech) this.last = at;
    if (speech && !this.active) {
      this.active = true;
      return "onset";
    }
    if (this.active && at - this.last >= REST_SECS) {
      this.active = false;
      return "rest";
    }
    return null;
  }

  /** The noise floor drops at once and rises over about five seconds, and not while there is speech. */
  follow(peak) {
    if (peak < this.floor) this.floor += (peak - this.floor) * 0.1;
    else if (!this.active) this.floor += (Math.min(peak, 0.03) - this.floor) * 0.0005;
  }

  takePeak() {
    const peak = this.peak;
    this.peak = 0;
    return peak;
  }
}

function loudest(samples) {
  let peak = 0;
  for (let i = 0; i < samples.length; i++) {
    const size = Math.abs(samples[i]);
    if (size > peak) peak = size;
  }
  return peak;
}

class Ear extends AudioWorkletProcessor {
  constructor() {
    super();
    // Minus 38 and minus 40 dBFS: above what noise suppression leaves, below quiet speech.
    this.user = new Side(0.0125);
    this.agent = new Side(0.01);
    this.count = 0;
    this.open = true;
    this.port.onmessage = () => { this.open = false; };
  }

  process(inputs) {
    this.listen("user", inputs[0]);
    this.listen("agent", inputs[1]);
    this.count += 1;
    if (this.count % LEVEL_EVERY === 0) {
      this.port.postMessage({ type: "levels", user: this.user.takePeak(), agent: this.agent.takePeak() });
    }
    return this.open;
  }

  listen(who, input) {
    const side = this[who];
    const event = side.hear(input?.[0], currentTime);
    if (!event) return;
    const at = event === "onset" ? side.recent[0] : side.last;
    this.port.postMessage({ type: event, who, at, userLast: this.user.last, userActive: this.user.active });
  }
}

registerProcessor("ear", Ear);
