// Times between the two voices of a call: how soon an answer came, how soon an interruption silenced the agent.
// Pure; fed with the ear's times, in seconds of the audio clock.

const OVERLAP_SECS = 0.03; // an "answer" this close to the user's voice was begun over it
const BARGE_SECS = 5; // a voice older than this did not cause the interruption

/** One call's stopwatch. */
export class Stopwatch {
  #ear;
  #owed = false; // the user has spoken and has had no answer yet
  #interruptedAt = null; // when the user began, while the agent is still to fall silent

  /** @param {import("./ear.js").Ear | null} ear null: nothing is measured */
  constructor(ear) {
    this.#ear = ear;
  }

  /** The user has spoken, so the agent's next onset is an answer. */
  userSpoke() {
    this.#owed = true;
  }

  /** The user has written: the answer is one to that, and no voice tells how long it took. */
  userWrote() {
    this.#owed = false;
  }

  /**
   * The agent began to sound.
   * @returns {number|null} milliseconds from the user's last loud sample, or null if it was no answer
   */
  answered(at, userLast) {
    if (!this.#owed || userLast === null || at - userLast < OVERLAP_SECS) return null;
    this.#owed = false;
    return Math.round((at - userLast) * 1000);
  }

  /**
   * The server says the agent was interrupted.
   * @returns {number|null} as `silent`, where the agent's silence came before the message; otherwise null
   */
  interrupted() {
    if (!this.#ear) return null;
    const { user, agent } = this.#ear.last;
    const recent = user.onset !== null && this.#ear.now - user.onset < BARGE_SECS;
    if (!recent || agent.onset === null) return null;
    this.#interruptedAt = user.onset;
    return agent.active ? null : this.silent(agent.end);
  }

  /**
   * The agent fell silent.
   * @returns {number|null} milliseconds from the user's first loud sample to the agent's last, or null if the
   *   agent was not interrupted
   */
  silent(at) {
    const began = this.#interruptedAt;
    this.#interruptedAt = null;
    return began === null || at < began ? null : Math.round((at - began) * 1000);
  }
}
