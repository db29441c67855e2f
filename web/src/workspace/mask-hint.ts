/** What the mask panel says while the model has suggested nothing: always true of what the canvas shows. */

import type { Session } from "../session/session.svelte.ts";
import { m } from "../texts/messages.ts";

interface Seen extends Pick<Session, "tool"> {
  readonly draft: Pick<Session["draft"], "active" | "decoding" | "canAccept" | "reopenedUid">;
  readonly selection: Pick<Session["selection"], "uid">;
}

/**
 * @param byHand whether the tool changes pixels without asking the model
 * @param encoded whether the model can answer for this image
 * @param touch whether fingers point: nothing shows before they do
 */
export function maskHint(session: Seen, byHand: boolean, encoded: boolean, touch = false): string {
  const { active, decoding, canAccept, reopenedUid } = session.draft;
  if (decoding) {
    return encoded ? m.annotate_hint_looking() : m.annotate_hint_once_prepared();
  }
  if (active && canAccept) {
    return reopenedUid ? m.annotate_hint_changed_by_hand() : m.annotate_hint_new_by_hand();
  }
  if (active) return m.annotate_hint_as_saved();
  if (byHand && session.selection.uid) return m.annotate_hint_into_selected();
  if (byHand) return m.annotate_hint_paint();
  if (session.tool === "box") return m.annotate_hint_box();
  if (encoded && touch) return m.annotate_hint_tap();
  return encoded ? m.annotate_hint_point() : m.annotate_hint_preparing();
}
