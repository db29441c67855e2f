/** Selected objects taken along to the image that is opened next. */

import type { Decoder } from "../decoder/decoder.ts";
import type { Session } from "../session/session.svelte.ts";
import { m } from "../texts/messages.ts";
import type { Objects } from "./objects.svelte.ts";
import { decodeAgain, type Found, type Propagation } from "./propagate.ts";

export class Propagator {
  private taken: Propagation | null = null;

  constructor(
    private readonly decoder: Decoder,
    private readonly session: Session,
    private readonly objects: Objects,
    private readonly tell: (message: string, hint: string) => void,
  ) {}

  take(): void {
    const { image } = this.session;
    if (image) this.taken = { from: image, annotations: this.objects.selected };
  }

  /**
   * Look for what was taken along on the open image, which the decoder has. What the model is sure of is saved; the first of
   * the others is suggested, as if somebody had begun to draw it.
   */
  async find(): Promise<void> {
    const { taken, session } = this;
    const { image } = session;
    this.taken = null;
    if (!taken || !image) return;
    const found = await decodeAgain(this.decoder, taken, image);
    if (session.image !== image) return;
    this.objects.add(found.sure);
    const [first] = found.unsure;
    if (first && !session.draft.active) {
      session.selection.select(null);
      session.chooseCategory(first.categoryId);
      session.drawing.suggest(first.prompts);
    }
    this.tell(...reported(found, taken.annotations.length));
  }
}

function reported({ sure, unsure }: Found, count: number): [message: string, hint: string] {
  const saved = m.annotate_propagated({ found: sure.length, count });
  if (unsure.length === 0) return [saved, sure.length > 0 ? m.annotate_propagated_undo_hint() : ""];
  return [
    m.annotate_propagated_unsure({ found: saved, count: unsure.length }),
    m.annotate_propagated_unsure_hint(),
  ];
}
