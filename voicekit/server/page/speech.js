// What the agent says in one line of the transcript: text announced, being spoken, spoken. Pure; no page.
//
// Two sources tell the same words. "bot-transcription" brings a sentence when the model has written it, before
// it is heard. "bot-output" brings a segment when its sound begins ("new") and when it is over ("completed"),
// and after every word where the voice has word times. What was announced and has not begun waits in `#ahead`; what
// has begun and is not announced, since a realtime model's sound may overtake its text, in `#early`.

/** One agent line's words. */
export class Speech {
  #segments = new Map(); // id → {spoken, rest}, in the order they began
  #ahead = "";
  #early = "";
  #voice;

  /** @param {{hasWords: boolean}} voice shared by the lines of a call: has it ever told single words? */
  constructor(voice) {
    this.#voice = voice;
  }

  /** A sentence the model wrote. */
  announce(text) {
    const early = without(this.#early, text);
    this.#ahead = join(this.#ahead, this.#early ? without(text, this.#early) : text);
    this.#early = early === this.#early ? "" : early;
  }

  has(id) {
    return this.#segments.has(id);
  }

  /** True if `text` begins what was announced and has not begun to sound. */
  expects(text) {
    return without(this.#ahead, text) !== this.#ahead;
  }

  /**
   * A "bot-output" message's data.
   * @param {{text: string, segment_id?: number, spoken_status?: "new"|"in-progress"|"completed",
   *   spoken_progress?: {accumulated_text: string, remaining_text: string}}} data
   */
  report({ text, segment_id: id = text, spoken_status: status, spoken_progress: progress }) {
    if (!this.#segments.has(id)) {
      if (!this.expects(text)) this.#early = join(this.#early, text);
      this.#ahead = without(this.#ahead, text);
    }
    if (status === "in-progress") this.#voice.hasWords = true;
    this.#segments.set(id, {
      spoken: progress ? progress.accumulated_text : text,
      rest: progress ? progress.remaining_text : "",
    });
  }

  /** The agent finished undisturbed: what was announced has been said, in the announced words or others. */
  finish() {
    if (!this.#segments.size) this.#segments.set("announced", { spoken: this.#ahead, rest: "" });
    this.#ahead = "";
    for (const segment of this.#segments.values()) {
      segment.spoken = join(segment.spoken, segment.rest);
      segment.rest = "";
    }
  }

  /** True if something is still to be said, as far as anyone reported. */
  get unsaid() {
    return Boolean(this.#ahead.trim()) || [...this.#segments.values()].some((segment) => segment.rest);
  }

  /**
   * The words in two parts, `[heard, coming]`. A voice without word times is taken to have said the segment
   * it is in.
   * @param {boolean} sounding whether the line has begun to be heard
   */
  parts(sounding) {
    let heard = "";
    let coming = "";
    let begun = sounding && !this.#voice.hasWords;
    for (const { spoken, rest } of this.#segments.values()) {
      heard = join(heard, begun ? join(spoken, rest) : spoken);
      coming = begun ? coming : join(coming, rest);
      begun &&= !rest;
    }
    if (sounding && !this.#segments.size) return [this.#ahead, ""]; // a server that reports no bot-output
    coming = join(coming, this.#ahead);
    return [heard, join(heard, coming).slice(heard.length)];
  }

  get text() {
    return this.parts(false).join("").trim();
  }
}

/** Joins two pieces of text with a space where the script uses one. */
export function join(left, right) {
  if (!left || !right) return left || right;
  const tight = /\s$/.test(left) || /^\s/.test(right) || (CJK.test(left.at(-1)) && CJK.test(right[0]))
    || /[。，！？、；：]$/.test(left);
  return tight ? left + right : `${left} ${right}`;
}

const CJK = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;

/** `ahead` without `text` where it begins with it, spaces aside. */
function without(ahead, text) {
  const wanted = text.replace(/\s/g, "");
  let matched = 0;
  for (let i = 0; i < ahead.length; i++) {
    if (/\s/.test(ahead[i])) continue;
    if (matched === wanted.length) return ahead.slice(i);
    if (ahead[i] !== wanted[matched]) return ahead;
    matched += 1;
  }
  return ""; // all of it was said
}
