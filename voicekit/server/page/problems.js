// What can go wrong with a call, in plain words, and what to do. The table is the only place for these texts.

const PROBLEMS = {
  "insecure-origin": {
    text: "The browser gives no microphone to this address.",
    help: () => "Browsers allow the microphone only over https or on the machine itself. Open the page with "
      + `https, or on the server as ${localAddress()}.`,
  },
  "microphone-refused": {
    text: "The microphone is not allowed.",
    help: "Allow it for this page (the icon left of the address), check that the system lets the browser "
      + "use it, then try again.",
  },
  "microphone-missing": {
    text: "No microphone was found.",
    help: "Plug one in or choose one in the system's sound settings, then try again.",
  },
  "microphone-busy": {
    text: "The microphone cannot be opened.",
    help: "Another program probably holds it. Close other calls and recorders, then try again.",
  },
  "microphone-stopped": {
    text: "The microphone stopped during the call.",
    help: "The agent hears nothing now. Plug the microphone in again, hang up and call again.",
  },
  "server-unreachable": {
    text: "The server cannot be reached.",
    help: "Check that voicekit is still running and that this machine is on its network, then try again.",
  },
  "offer-refused": {
    text: "The server did not take the call.",
    help: "Look at the server's output for the reason, then try again.",
  },
  "no-network": {
    text: "No network interface is up besides loopback.",
    help: "Browsers carry calls over a real interface even to the same machine. Turn on Wi-Fi or plug in a "
      + "cable (it needs no internet), then try again. On Linux without either: run “ip addr add 10.99.0.1/32 "
      + "dev lo” as root and start Chromium with --allow-loopback-in-peer-connection.",
  },
  "no-route": {
    text: "The sound could not find a way between this browser and the server.",
    help: "The page was served, but audio travels by UDP. Check for a firewall or VPN in between. From another "
      + "network the server needs a STUN or TURN server. Then try again.",
  },
  "connection-lost": {
    text: "The connection was lost.",
    help: "The network or the server went away. Check that voicekit is still running, then call again.",
  },
  "sound-blocked": {
    text: "The browser is holding the sound back.",
    help: "It wants one more click before it lets the agent be heard.",
  },
  "call-failed": {
    text: "The call could not be placed.",
    help: "Try again; if it keeps failing, reload the page or use another browser.",
  },
};

const MICROPHONE_ERRORS = {
  NotAllowedError: "microphone-refused",
  SecurityError: "microphone-refused",
  NotFoundError: "microphone-missing",
  OverconstrainedError: "microphone-missing",
  NotReadableError: "microphone-busy",
  AbortError: "microphone-busy",
};

/** A failure a person can act on: `kind` from the table, `text` what happened, `help` what to do. */
export class CallProblem extends Error {
  /**
   * @param {string} kind
   * @param {{text?: string, help?: string}} [own] words that replace the table's, such as the server's
   */
  constructor(kind, own = {}) {
    const known = PROBLEMS[kind];
    super(own.text || known.text);
    this.kind = kind;
    this.help = own.text ? own.help || "" : typeof known.help === "function" ? known.help() : known.help;
  }

  get text() {
    return this.message;
  }
}

/** The problem behind an error of getUserMedia. */
export function microphoneProblem(error) {
  return new CallProblem(MICROPHONE_ERRORS[error.name] ?? "microphone-busy");
}

/** Any error as a problem; one nobody foresaw keeps its own words as help. */
export function asProblem(error) {
  if (error instanceof CallProblem) return error;
  return new CallProblem("call-failed", { text: PROBLEMS["call-failed"].text, help: String(error) });
}

function localAddress() {
  return `http://localhost${location.port ? `:${location.port}` : ""}`;
}
