/** What webhooks are told, in the words that people read. */
import type { Delivery, ToldEvent } from "../api/types.ts";

export const TOLD_EVENTS: readonly (readonly [ToldEvent, string])[] = [
  ["image.submitted", "an image is submitted"],
  ["image.approved", "an image is approved"],
  ["project.exported", "the project is exported"],
  ["learning.done", "a version was trained"],
];

const SHORT: Readonly<Record<Delivery["event"], string>> = {
  "image.submitted": "Image submitted",
  "image.approved": "Image approved",
  "project.exported": "Project exported",
  "learning.done": "Version trained",
  test: "Test",
};

export const eventName = (event: Delivery["event"]): string => SHORT[event];

/** What became of a delivery. */
export function outcome({ state, attempts, status, message }: Delivery): string {
  if (state === "delivered") return `Delivered, answered ${status}`;
  const tried = attempts === 1 ? "once" : `${attempts} times`;
  if (state === "failed") return `Given up after it was tried ${tried}: ${message}`;
  return attempts === 0 ? "Goes out within seconds" : `Tried ${tried}, will be tried again: ${message}`;
}
