// The field for writing instead of speaking. Keeps what cannot be sent; its keys are its own, not the page's.

/** Takes lines and hands each to `send`, which says whether it went out; one that did not stays in the field. */
export class Writing {
  #field;
  #button;
  #otherwise;

  /**
   * @param {{form: HTMLFormElement, field: HTMLInputElement, button: HTMLButtonElement, otherwise: HTMLElement}} page
   *   `otherwise` has the focus when the field can no longer have it
   * @param {(text: string) => boolean} send
   */
  constructor({ form, field, button, otherwise }, send) {
    this.#field = field;
    this.#button = button;
    this.#otherwise = otherwise;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = field.value.trim();
      if (text && send(text)) field.value = "";
      field.focus();
    });
    form.addEventListener("keydown", (event) => event.stopPropagation()); // an M is a letter here
  }

  /**
   * Says what is possible now. While the agent is not there yet, or no longer, one may write and not send.
   * @param {{write: boolean, send: boolean}} can
   */
  allow(can) {
    const focused = [this.#field, this.#button].includes(document.activeElement);
    if (focused && !can.write) this.#otherwise.focus();
    else if (focused && !can.send) this.#field.focus();
    this.#field.disabled = !can.write;
    this.#button.disabled = !can.send;
  }
}
