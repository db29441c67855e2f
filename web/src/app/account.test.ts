import { describe, expect, it, vi } from "vitest";
import type { Client } from "../api/client.ts";
import { ApiError, NetworkError } from "../api/errors.ts";
import type { Http } from "../api/http.ts";
import { Account, tokenIn } from "./account.svelte.ts";

const SESSION = {
  user: { id: 1, name: "admin", role: "owner", storage_key: "admin" },
  permissions: ["project:create"],
  csrf_token: "c",
  installation: "here",
};

function account(client: object, onSignedIn = vi.fn()) {
  const http = { csrfToken: "" } as Http;
  const onMoved = vi.fn();
  return { http, onSignedIn, onMoved, made: new Account(client as Client, http, onSignedIn, onMoved) };
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
  it("says once which session the page began with", async () => {
    const signIn = vi.fn(async () => SESSION).mockResolvedValueOnce({ ...SESSION, csrf_token: "first" });
    const { made, onSignedIn } = account({ signIn });
    await made.signIn("token");
    await made.signIn("token");
    expect((await made.session).csrf_token).toBe("first");
    expect(onSignedIn).toHaveBeenCalledTimes(2);
  });

  it.each([
    ["to another installation at the same address", { ...SESSION, installation: "elsewhere" }],
    [
      "in the name of somebody else",
      { ...SESSION, user: { ...SESSION.user, id: 2, name: "eve", storage_key: "eve" } },
    ],
  ])("sends nothing that waits %s", async (_, other) => {
    const signIn = vi.fn(async () => other).mockResolvedValueOnce(SESSION);
    const { made, http, onSignedIn, onMoved } = account({ signIn });
    await made.signIn("token");
    await made.signIn("token");
    expect([onSignedIn.mock.calls.length, onMoved.mock.calls.length, http.csrfToken]).toEqual([1, 1, "c"]);
  });

  it("takes the token of a login that another tab began, and not that of somebody else", async () => {
    const session = vi.fn(async () => ({ ...SESSION, csrf_token: "newer" })).mockResolvedValueOnce(SESSION);
    const { made, http, onMoved } = account({ session });
    await made.check();
    expect([await made.renewCsrfToken(), http.csrfToken]).toEqual(["newer", "newer"]);
    session.mockResolvedValueOnce({
      ...SESSION,
      user: { ...SESSION.user, id: 2, name: "eve", storage_key: "eve" },
    });
    void made.renewCsrfToken(); // never answered: the page is left
    await vi.waitFor(() => expect(onMoved).toHaveBeenCalledOnce());
    expect(http.csrfToken).toBe("newer");
  });

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

  it("goes on signing out at the provider, or is out", async () => {
    const leave = vi.fn();
    const there = account({
      session: async () => SESSION,
      signOut: async () => "https://id.example/end",
    }).made;
    await there.check();
    await there.signOut(leave);
    expect([there.status, leave.mock.calls]).toEqual(["in", [["https://id.example/end"]]]);
    const here = account({ session: async () => SESSION, signOut: async () => null }).made;
    await here.check();
    await here.signOut(leave);
    expect([here.status, leave.mock.calls.length]).toEqual(["out", 1]);
  });

  it("notices that somebody has signed in again in another tab, and waits when nobody has", async () => {
    const session = vi
      .fn(async () => SESSION)
      .mockRejectedValueOnce(new ApiError("not_signed_in", "", "", 401));
    const { made } = account({ session });
    const waiting = made.signInAgain();
    await made.lookAgain();
    expect([made.expired, made.status]).toEqual([true, "checking"]);
    await made.lookAgain();
    await waiting;
    expect([made.expired, made.status]).toEqual([false, "in"]);
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
