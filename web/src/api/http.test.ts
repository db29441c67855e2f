import { describe, expect, it, vi } from "vitest";
import { Account } from "../app/account.svelte.ts";
import type { Client } from "./client.ts";
import { ApiError, errorFrom, NetworkError } from "./errors.ts";
import { type Fetch, Http } from "./http.ts";
import type { Session } from "./types.ts";

const URL = "http://limner.test/api/v1/projects";

function http(answers: (Response | Error)[], { signInAgain = vi.fn(async () => {}), token = "fresh" } = {}) {
  const seen: { method: string; csrf: string | null; body: string }[] = [];
  const fetch: Fetch = async (request) => {
    seen.push({
      method: request.method,
      csrf: request.headers.get("X-CSRFToken"),
      body: await request.text(),
    });
    const answer = answers.shift();
    if (!answer) throw new Error("more requests than answers");
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const made = new Http({ fetch, signInAgain, renewCsrfToken: async () => token });
  made.csrfToken = "old";
  return { made, seen, signInAgain };
}

const problem = (status: number, code = "broken", headers = {}) =>
  Response.json(
    { error: { code, message: "It broke.", hint: "Mend it.", details: { n: 1 } } },
    { status, headers },
  );
const post = () => new Request(URL, { method: "POST", body: "{}" });

describe("Http", () => {
  it("sends the CSRF token with changes and not with reading", async () => {
    const { made, seen } = http([Response.json({}), Response.json({})]);
    await made.fetch(new Request(URL));
    await made.fetch(post());
    expect(seen.map((each) => each.csrf)).toEqual([null, "old"]);
  });

  it("turns an error answer into an ApiError with everything the server said", async () => {
    const { made } = http([problem(409, "category_in_use", { "Retry-After": "3" })]);
    const error = await made.fetch(post()).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      code: "category_in_use",
      message: "It broke.",
      hint: "Mend it.",
      status: 409,
      details: { n: 1 },
      retryAfter: 3,
    });
  });

  it("makes an ApiError of an answer that is not ours, such as a proxy's page", async () => {
    const { made } = http([new Response("<h1>Bad gateway</h1>", { status: 502, statusText: "Bad Gateway" })]);
    await expect(made.fetch(post())).rejects.toMatchObject({ code: "unexpected_answer", status: 502 });
  });

  it("makes a NetworkError when there is no answer", async () => {
    const { made } = http([new TypeError("Failed to fetch")]);
    await expect(made.fetch(post())).rejects.toBeInstanceOf(NetworkError);
  });

  it("asks to sign in when the login has expired, then sends the same request again", async () => {
    const { made, seen, signInAgain } = http([problem(401), Response.json({ fine: true })]);
    const answer = await made.fetch(post());
    expect(await answer.json()).toEqual({ fine: true });
    expect(signInAgain).toHaveBeenCalledOnce();
    expect(seen.map((each) => each.body)).toEqual(["{}", "{}"]);
  });

  it("does not wait for the person where the caller cannot", async () => {
    const { made, signInAgain } = http([problem(401)]);
    await expect(made.fetchOnce(post())).rejects.toMatchObject({ status: 401 });
    expect(signInAgain).not.toHaveBeenCalled();
  });

  it("renews a rejected CSRF token once", async () => {
    const { made, seen } = http([problem(403, "csrf_failed"), Response.json({})]);
    await made.fetch(post());
    expect(seen.map((each) => each.csrf)).toEqual(["old", "fresh"]);
    expect(made.csrfToken).toBe("fresh");
  });

  it("takes the token of a login that another tab has begun, as the account learns it", async () => {
    const sent: (string | null)[] = [];
    const session = {
      user: { storage_key: "ada" },
      permissions: [],
      csrf_token: "old",
      installation: "here",
    };
    const made: Http = new Http({
      fetch: async (request) => {
        if (request.method === "GET") return Response.json({ ...session, csrf_token: "new" });
        sent.push(request.headers.get("X-CSRFToken"));
        return sent.at(-1) === "new" ? Response.json({}) : problem(403, "csrf_failed");
      },
      signInAgain: vi.fn(),
      renewCsrfToken: () => account.renewCsrfToken(),
    });
    const client = { session: async () => (await made.fetch(new Request(URL))).json() };
    const account = new Account(client as unknown as Client, made, vi.fn(), vi.fn());
    account.accept(session as unknown as Session);
    await Promise.all([made.fetchOnce(post()), made.fetchOnce(post())]);
    expect(sent).toEqual(["old", "old", "new", "new"]);
  });

  it("asks for no new token when something else is refused", async () => {
    const { made, seen } = http([problem(403, "forbidden")]);
    await expect(made.fetch(post())).rejects.toMatchObject({ code: "forbidden" });
    expect(seen).toHaveLength(1);
  });

  it("reports a refusal that a new token does not change", async () => {
    const { made } = http([problem(403, "csrf_failed")], { token: "old" });
    await expect(made.fetch(post())).rejects.toMatchObject({ code: "csrf_failed", status: 403 });
  });

  it("passes an abort on as an abort, not as a network failure", async () => {
    const abort = new AbortController();
    abort.abort();
    const { made } = http([new DOMException("aborted", "AbortError")]);
    const request = new Request(URL, { signal: abort.signal });
    await expect(made.fetch(request)).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("errorFrom", () => {
  it("keeps no Retry-After that is not a number of seconds", () => {
    const response = new Response("", { status: 503, headers: { "Retry-After": "tomorrow" } });
    expect(errorFrom(response, "").retryAfter).toBeNull();
  });
});
