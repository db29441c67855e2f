/** What webhooks are told, in the words that people read. */

import type { Delivery, ToldEvent } from "../api/types.ts";
import { number } from "../texts/format.ts";
import { m } from "../texts/messages.ts";

export const TOLD_EVENTS: readonly (readonly [ToldEvent, () => string])[] = [
  ["image.submitted", m.webhooks_when_submitted],
  ["image.approved", m.webhooks_when_approved],
  ["project.exported", m.webhooks_when_exported],
  ["learning.done", m.webhooks_when_trained],
];

const SHORT: Readonly<Record<Delivery["event"], () => string>> = {
  "image.submitted": m.webhooks_event_submitted,
  "image.approved": m.webhooks_event_approved,
  "project.exported": m.webhooks_event_exported,
  "learning.done": m.webhooks_event_trained,
  test: m.webhooks_event_test,
};

export const eventName = (event: Delivery["event"]): string => SHORT[event]();

/** What became of a delivery. */
export function outcome({ state, attempts, status, message: reason }: Delivery): string {
  if (state === "delivered") return m.webhooks_delivered({ status: String(status) });
  const times = number(attempts);
  if (state === "failed")
    return attempts === 1 ? m.webhooks_given_up_once({ reason }) : m.webhooks_given_up({ times, reason });
  if (attempts === 0) return m.webhooks_going_out();
  return attempts === 1 ? m.webhooks_tried_once({ reason }) : m.webhooks_tried({ times, reason });
}
