// The server's two answers: who the agent is, and the reply to an offer. HTTP only; knows no media.

import { CallProblem } from "./problems.js";

const WAIT_MS = 20_000;

/**
 * Who answers here.
 * @returns {Promise<{name: string, description?: string, language?: string, greeting?: string,
 *   ice_servers?: (string|RTCIceServer)[], emulated?: boolean, hears?: string}>} `hears`: what an emulator takes
 *   all speech for
 * @throws {CallProblem} server-unreachable, offer-refused
 */
export function readAgent() {
  return ask("/api/agent");
}

/**
 * Sends the offer.
 * @param {RTCSessionDescription} description
 * @param {object} [requestData]
 * @returns {Promise<{sdp: string, type: string, pc_id: string}>}
 * @throws {CallProblem} server-unreachable, offer-refused
 */
export function sendOffer({ sdp, type }, requestData) {
  return ask("/api/offer", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ sdp, type, ...(requestData && { request_data: requestData }) }),
  });
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, cache: "no-store", signal: AbortSignal.timeout(WAIT_MS) });
  } catch {
    throw new CallProblem("server-unreachable");
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  const text = typeof body?.problem === "string" ? body.problem : undefined;
  throw new CallProblem("offer-refused", { text, help: typeof body?.help === "string" ? body.help : undefined });
}
