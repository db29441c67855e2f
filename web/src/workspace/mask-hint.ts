/** What the mask panel says while the model has suggested nothing: always true of what the canvas shows. */

import type { Session } from "../session/session.svelte.ts";

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
    return encoded ? "Looking for the mask…" : "The mask appears here as soon as the image is prepared.";
  }
  if (active && canAccept) {
    return reopenedUid
      ? "The object as you changed it by hand. Go on painting, or click with Points to refine it."
      : "A new mask, painted by hand. Go on painting, or click with Points to refine it.";
  }
  if (active) return "The object as it was saved. Click to add or take away, or change it by hand.";
  if (byHand && session.selection.uid)
    return "What you paint goes into the selected object and is saved at once.";
  if (byHand) return "Paint a new mask, or select an object to change it.";
  if (session.tool === "box") return "Drag a box around an object, or click two corners.";
  if (encoded && touch) return "Tap an object, or drag a box around it. A finger that rests takes away.";
  return encoded
    ? "Point at an object: the mask under the pointer shows before you click. Drag for a box."
    : "The image is being prepared. You can set points already.";
}
