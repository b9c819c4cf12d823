// The transcript on the page: one list item a row, changed in place. Text goes in as text, never as markup.

const CUT_OFF = { user: "cut off", "hang-up": "cut off by the end of the call" };

/** Draws a conversation's rows into a list, keeps its end in view, and says finished lines to screen readers. */
export class Transcript {
  #list;
  #scroller;
  #say;
  #agentName = "Agent";
  #items = new Map(); // row → its elements
  #said = new Map(); // row → how many of its characters were announced
  #count = 0;
  #following = true; // the reader has not scrolled up

  /** @param {{list: HTMLElement, scroller: HTMLElement, say: (text: string) => void}} page */
  constructor({ list, scroller, say }) {
    this.#list = list;
    this.#scroller = scroller;
    this.#say = say;
    scroller.addEventListener("scroll", () => { this.#following = this.#atEnd(); });
    new ResizeObserver(() => this.#follow()).observe(scroller);
  }

  /**
   * Empties the list for a new call.
   * @param {{name?: string, language?: string}} agent
   */
  begin(agent) {
    this.#agentName = agent.name || "Agent";
    this.#list.lang = agent.language || "";
    this.#list.replaceChildren();
    this.#items.clear();
    this.#said.clear();
    this.#following = true;
  }

  /** Draws a new or changed row. */
  draw(row) {
    if (!this.#items.has(row)) this.#items.set(row, this.#add(row));
    DRAW[row.kind](this.#items.get(row), row);
    this.#announce(row);
    this.#follow();
  }

  remove(row) {
    this.#items.get(row)?.item.remove();
    this.#items.delete(row);
  }

  #follow() {
    if (this.#following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #atEnd() {
    const { scrollTop, clientHeight, scrollHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < 60;
  }

  #add(row) {
    const item = make("li", row.kind);
    this.#list.append(item);
    this.#count += 1;
    return row.kind === "turn" ? this.#addTurn(item, row) : { item };
  }

  #addTurn(item, row) {
    item.dataset.who = row.who;
    const who = make("span", "who", row.who === "user" ? "You" : this.#agentName);
    who.lang = "en";
    const words = make("p", "words");
    const heard = make("span", "heard");
    const ahead = make("span", "ahead");
    words.append(heard, ahead);
    const note = make("span", "note");
    const time = make("button", "time");
    time.type = "button";
    const figure = make("span", "figure");
    time.append(make("span", "unseen", "answered in "), figure);
    const breakdown = make("p", "breakdown");
    breakdown.id = `breakdown-${this.#count}`;
    time.setAttribute("aria-controls", breakdown.id);
    time.addEventListener("click", () => toggle(time, breakdown));
    for (const part of [note, time, breakdown]) Object.assign(part, { hidden: true, lang: "en" });
    item.append(who, words, time, note, breakdown);
    return { item, heard, ahead, note, time, figure, breakdown };
  }

  /** Interims are not read out, finished text once. */
  #announce(row) {
    const text = spoken(row, this.#agentName);
    const said = this.#said.get(row) ?? 0;
    if (!text || text.length <= said) return;
    this.#said.set(row, text.length);
    this.#say(said ? text.slice(said) : text);
  }
}

/** Milliseconds as "0.74 s", with a space that does not break. */
export function seconds(ms) {
  return `${(ms / 1000).toFixed(2)}\u00a0s`;
}

const DRAW = {
  turn({ item, heard, ahead, note, time, figure, breakdown }, row) {
    const [known, coming] = row.parts ?? [row.text, ""];
    item.classList.toggle("empty", !known && !coming);
    item.classList.toggle("interim", row.who === "user" && !row.final);
    item.classList.toggle("interrupted", row.interrupted);
    heard.textContent = known;
    ahead.textContent = coming;
    drawNote(note, row);
    time.hidden = row.answerMs === null && !row.breakdown;
    figure.textContent = row.answerMs === null ? "…" : seconds(row.answerMs);
    const details = breakdownText(row);
    time.disabled = !details;
    breakdown.textContent = details;
    if (details && !time.hasAttribute("aria-expanded")) time.setAttribute("aria-expanded", "false");
  },

  tool({ item }, row) {
    const what = row.name ?? (row.state === "running" ? "looking something up" : "looked something up");
    const end = { running: "…", done: ` · ${seconds(row.ms ?? 0)}`, cancelled: " · cancelled" }[row.state];
    item.textContent = what + end;
    item.lang = "en";
    item.dataset.state = row.state;
  },

  filler({ item }, row) {
    item.textContent = row.text;
  },

  notice({ item }, row) {
    item.lang = "en";
    const help = make("span", "help", row.help);
    item.replaceChildren(make("strong", "", row.text), ...(row.help ? [" ", help] : []));
  },
};

function drawNote(note, row) {
  note.hidden = !row.cutOff;
  if (!row.cutOff) return;
  note.textContent = CUT_OFF[row.cutOff];
  if (row.silencedMs !== null) note.textContent += ` · silent ${seconds(row.silencedMs)} after you began`;
}

/** Where the time went: the stages at the server, and what only the browser knows. */
function breakdownText({ breakdown, answerMs, bufferMs }) {
  if (!breakdown && bufferMs === null) return "";
  const parts = (pairs) => pairs.filter(([, ms]) => ms !== null && ms !== undefined);
  const stages = parts([
    ["waited", breakdown?.turnMs], ["heard", breakdown?.asrMs], ["thought", breakdown?.llmMs],
    ["voice", breakdown?.ttsMs], ["model", breakdown?.realtimeMs],
  ])
    .map(([stage, ms]) => `${stage} ${seconds(ms)}`);
  const places = parts([
    ["at the server", breakdown?.answerMs], ["in the browser’s buffer", bufferMs], ["at your ear", answerMs],
  ])
    .map(([place, ms]) => `${place} ${seconds(ms)}`);
  return [stages, places].filter((line) => line.length).map((line) => line.join(" · ")).join("\n");
}

function toggle(button, panel) {
  panel.hidden = !panel.hidden;
  button.setAttribute("aria-expanded", String(!panel.hidden));
}

function spoken(row, agentName) {
  if (row.kind === "notice") return `${row.text} ${row.help}`.trim();
  if (row.kind !== "turn" || !row.final || !row.text) return "";
  return `${row.who === "user" ? "You" : agentName}: ${row.text}`;
}

function make(tag, className, text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}
