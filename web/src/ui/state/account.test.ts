import { describe, expect, it, vi } from "vitest";
import type { Client } from "../../api/client.ts";
import { ApiError, NetworkError } from "../../api/errors.ts";
import type { Http } from "../../api/http.ts";
import { Account, tokenIn } from "./account.svelte.ts";

const SESSION = { user: { id: 1, name: "admin", role: "admin" }, csrf_token: "c" };

function account(client: object, onSignedIn = vi.fn()) {
  const http = { csrfToken: "" } as Http;
  return { http, onSignedIn, made: new Account(client as Client, http, onSignedIn) };
}

describe("tokenIn", () => {
  it.each([
    ["http://127.0.0.1:8000/login#token=ab-_9", "ab-_9"],
    ["#token=a%2Bb", "a+b"],
    ["  ab-_9 \n", "ab-_9"],
  ])("finds the token in %j", (text, token) => {
    expect(tokenIn(text)).toBe(token);
  });
});

describe("Account", () => {
  it("is in with a session, out without one", async () => {
    const inside = account({ session: async () => SESSION });
    await inside.made.check();
    expect(inside.made.status).toBe("in");
    expect(inside.http.csrfToken).toBe("c");
    const outside = account({ session: () => Promise.reject(new ApiError("not_signed_in", "", "", 401)) });
    await outside.made.check();
    expect(outside.made.status).toBe("out");
  });

  it("does not take a dead server for a missing login", async () => {
    const { made } = account({ session: () => Promise.reject(new NetworkError("no")) });
    await expect(made.check()).rejects.toBeInstanceOf(NetworkError);
    expect(made.status).toBe("checking");
  });

  it("lets everything that waited for a new login go on", async () => {
    const { made, onSignedIn } = account({ signIn: async () => SESSION });
    const waiting = Promise.all([made.signInAgain(), made.signInAgain()]);
    expect(made.expired).toBe(true);
    await made.signIn("#token=t");
    await waiting;
    expect(made.expired).toBe(false);
    expect(onSignedIn).toHaveBeenCalledOnce();
  });
});
