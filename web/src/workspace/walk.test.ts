import { beforeEach, expect, it, vi } from "vitest";
import { EVERYTHING } from "../api/listing.ts";
import { Walk, type WalkHost } from "./walk.ts";

const go = vi.fn();
const tell = vi.fn();
const at = (changes: Partial<WalkHost>) =>
  new Walk({ image: { previous_id: 3, next_id: null }, listing: EVERYTHING, go, tell, ...changes });

beforeEach(() => {
  go.mockReset();
  tell.mockReset();
});

it("goes to the neighbour", () => {
  expect(at({}).step(-1)).toBe(true);
  expect(go).toHaveBeenCalledWith(3);
  expect(tell).not.toHaveBeenCalled();
});

it("says at its end that it is the end, and of which list", () => {
  expect(at({}).step(1)).toBe(false);
  expect(at({ listing: { ...EVERYTHING, tag: "night" } }).step(1)).toBe(false);
  expect(go).not.toHaveBeenCalled();
  const [[whole, none], [some, hint]] = tell.mock.calls as [[string, string], [string, string]];
  expect(none).toBe("");
  expect(hint).not.toBe("");
  expect(some).not.toBe(whole);
});

it("goes nowhere before an image is open", () => {
  expect(at({ image: null }).step(1)).toBe(false);
  expect(tell).not.toHaveBeenCalled();
});

it("knows whether it is all images in their usual order", () => {
  expect(at({}).listed).toBe(false);
  expect(at({ listing: { ...EVERYTHING, order: "name" } }).listed).toBe(true);
});
