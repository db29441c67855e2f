import { expect, it } from "vitest";
import type { Delivery } from "../api/types.ts";
import { outcome } from "./webhooks.ts";

const base: Delivery = {
  id: 1,
  event: "test",
  state: "waiting",
  attempts: 0,
  status: null,
  message: "",
  created: "2026-01-01T00:00:00Z",
  tried: null,
};

it.each([
  [{}, "Goes out within seconds"],
  [{ attempts: 1, message: "Nobody is there." }, "Tried once, will be tried again: Nobody is there."],
  [
    { state: "failed", attempts: 3, message: "It was answered 410." },
    "Given up after it was tried 3 times: It was answered 410.",
  ],
  [{ state: "delivered", attempts: 2, status: 204 }, "Delivered, answered 204"],
] as const)("says what became of a delivery: %j", (change, text) => {
  expect(outcome({ ...base, ...change })).toBe(text);
});
