import { expect, it } from "vitest";
import type { Session } from "../api/types.ts";
import { ownerOf } from "./account.svelte.ts";

const session = (name: string, storage_key: string, installation = "here") =>
  ({ user: { name, storage_key }, installation }) as Session;

it("is the same person under another name, so that what their browser keeps stays theirs", () => {
  expect(ownerOf(session("Ann", "k1"))).toBe(ownerOf(session("Ann Lee", "k1")));
});

it("is another one where somebody else signs in under the same name, or at another installation", () => {
  const owners = [session("Ann", "k1"), session("Ann", "k2"), session("Ann", "k1", "elsewhere")].map(ownerOf);
  expect(new Set(owners).size).toBe(3);
});
