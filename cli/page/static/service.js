// The service behind the page: one fetch, one place for the token.

const KEY = "latbase-token";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// `latbase ui` hands the token over in the fragment, which no browser sends anywhere.
export function takeTokenFromAddress() {
  const given = /^#token=([^&]+)/.exec(location.hash);
  if (given) {
    sessionStorage.setItem(KEY, decodeURIComponent(given[1]));
    history.replaceState(null, "", location.pathname + "#/fleet");
  }
}

export function keepToken(token) {
  sessionStorage.setItem(KEY, token);
}

export async function ask(path, body) {
  const token = sessionStorage.getItem(KEY);
  const answer = await reach(`../v1/page/${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      ...(token ? { Authorization: `Bearer ${token}` } : {}),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const found = await answer.json().catch(() => null); // a proxy between answers in a language of its own
  if (found && answer.ok) return found;
  throw new Refused(answer.status, found?.message ?? `The service failed (${answer.status} ${answer.statusText}); its log says why.`);
}

async function reach(address, request) {
  try {
    return await fetch(address, request);
  } catch {
    throw new Refused(0, "The service does not answer; is it still running?");
  }
}
