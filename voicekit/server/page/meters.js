// Two small level meters. A report changes one custom property; the style sheet does the rest.

const QUIETEST_DB = -50;
const FALL = 0.75; // of the last level is kept when it gets quieter, per report
const STEP = 0.02; // smaller changes are not drawn

/** Draws how loud each side is. */
export class Meters {
  #bars;

  /** @param {{user: HTMLElement, agent: HTMLElement}} elements */
  constructor(elements) {
    this.#bars = Object.entries(elements).map(([who, element]) => ({ who, element, level: 0, drawn: 0 }));
  }

  /** @param {{user: number, agent: number}} peaks from 0 to 1 */
  draw(peaks) {
    for (const bar of this.#bars) {
      bar.level = Math.max(height(peaks[bar.who]), bar.level * FALL);
      const same = Math.abs(bar.level - bar.drawn) < STEP && !(bar.level < STEP && bar.drawn > 0);
      if (document.hidden || same) continue;
      bar.drawn = bar.level < STEP ? 0 : bar.level;
      bar.element.style.setProperty("--level", bar.drawn.toFixed(2));
    }
  }

  clear() {
    for (const bar of this.#bars) {
      bar.level = bar.drawn = 0;
      bar.element.style.setProperty("--level", "0");
    }
  }
}

function height(peak) {
  if (!peak) return 0;
  return Math.min(1, Math.max(0, 1 - (20 * Math.log10(peak)) / QUIETEST_DB));
}
