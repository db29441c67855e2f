/** One image after the other: all that is shown of one is loaded at once; what was drawn on it is kept when it is left. */

import { tick } from "svelte";
import { explain, isAway } from "../api/errors.ts";
import { type ImageDetails, isOpenWork } from "../api/types.ts";
import type { Session } from "../session/session.svelte.ts";
import { m } from "../texts/messages.ts";
import type { CloserLook } from "./closer-look.svelte.ts";
import type { Comments } from "./comments.svelte.ts";
import type { Engine } from "./engine.svelte.ts";
import type { Handouts } from "./handouts.ts";
import type { ImageCache, Loading } from "./image-cache.ts";
import type { ModelFollower } from "./model-follower.ts";
import type { OpenImage } from "./open-image.svelte.ts";
import type { OwnSteps } from "./own-steps.ts";
import type { Propagator } from "./propagator.ts";
import type { Suggesting } from "./suggesting.svelte.ts";

export interface ImageOpenerParts {
  readonly cache: ImageCache;
  readonly engine: Engine;
  readonly follower: ModelFollower;
  readonly session: Session;
  readonly opened: OpenImage;
  readonly closer: CloserLook;
  readonly ownSteps: OwnSteps;
  readonly suggesting: Suggesting;
  readonly comments: Comments;
  readonly propagator: Propagator;
  readonly handouts: Handouts;
  /** The name of who works here. */
  me(): string;
  tell(message: string, hint?: string): void;
}

export class ImageOpener {
  picture = $state.raw<ImageBitmap | null>(null);
  problem = $state("");
  private outOfReach = false; // the problem is that the server could not be asked
  /** The image that the person asked for last, 0 for none; answers for another one are dropped. */
  wanted = 0;

  constructor(private readonly parts: ImageOpenerParts) {}

  async open(id: number): Promise<void> {
    const { follower, engine, session, opened, closer, propagator } = this.parts;
    this.leave();
    follower.turnOver();
    this.wanted = id;
    const loading = this.lookAt(id);
    try {
      await Promise.all([
        this.openAnnotations(id, loading),
        this.openPicture(id, loading.file),
        this.openEmbedding(id, loading.embedding),
      ]);
      if (this.wanted !== id || !engine.ready) return;
      const { draft } = opened;
      if (session.draft.active && draft?.region) void closer.look(draft.region); // as it was drawn
      await propagator.find();
    } catch (error) {
      if (this.wanted !== id) return;
      const { message, hint } = explain(error);
      this.problem = `${message} ${hint}`.trim();
      this.outOfReach = isAway(error);
    }
  }

  /** Open the same image again, from the server. */
  async reload(): Promise<void> {
    const id = this.wanted;
    this.parts.cache.forget(id);
    await this.open(id);
  }

  /**
   * The image that could not be opened is, if that was for want of the server; so is its embedding alone.
   * @returns whether the whole image is opened anew, annotations included
   */
  readonly tryAgain = (): boolean => {
    const whole = this.problem !== "" && this.outOfReach;
    if (whole) void this.reload();
    else if (this.parts.engine.outOfReach) this.embedAgain();
    return whole;
  };

  /** Another model answers by now: the open image is encoded for it. */
  embedAgain(): void {
    const id = this.wanted;
    if (id) void this.openEmbedding(id, this.lookAt(id).embedding);
  }

  /**
   * Put the open image away. What is drawn and not yet accepted is kept as an annotation, or as what is drawn when the image
   * is opened again: leaving loses nothing.
   */
  leave(): void {
    const { session, closer, ownSteps, suggesting, comments, engine, opened, tell } = this.parts;
    this.wanted = 0;
    this.giveBack();
    if (session.draft.active && !session.readOnly) {
      const obstacle = session.drawing.keep();
      if (!obstacle) tell(m.annotate_draft_kept());
      else tell(m.annotate_draft_waits(), obstacle.message);
    }
    closer.reset();
    ownSteps.forget();
    session.close();
    suggesting.open(0);
    comments.show(0);
    engine.close();
    opened.close();
    const { picture } = this;
    this.picture = null;
    if (picture) void tick().then(() => picture.close()); // what shows it may paint once more before it hears of this
    this.problem = "";
  }

  /** Others may have the open image, if it was this person's and is not settled. */
  giveBack(): void {
    const image = this.parts.opened.details;
    if (!image || !isOpenWork(image.mark.state)) return;
    if (image.work.reserved || image.work.held_by !== this.parts.me()) return;
    void this.parts.handouts.leave(image.id).catch(() => undefined); // the lease ends by itself
  }

  private lookAt(id: number): Loading {
    return this.parts.cache.look(id, (pending) => {
      if (this.wanted === id) this.parts.engine.hear(pending);
    });
  }

  private async openAnnotations(id: number, loading: Loading): Promise<void> {
    const { session, opened: open, ownSteps, suggesting, comments, engine, tell } = this.parts;
    const opened = await open.open(id, loading);
    if (!opened) return;
    const { details, annotations, draft, refused, exhaustive, settled } = opened;
    const image = { id, width: details.width, height: details.height };
    session.open(image, annotations, draft, refused, exhaustive);
    if (details.revision > 0 || annotations.length > 0) void ownSteps.load(id, settled);
    if (!session.readOnly) suggesting.open(id);
    comments.show(id);
    if (draft && !session.readOnly) tell(m.annotate_draft_back());
    if (engine.ready) session.embeddingReady();
    const fresh = await open.refresh().catch(unreachable);
    if (fresh) void this.prefetchAround(fresh);
  }

  private async prefetchAround(image: ImageDetails): Promise<void> {
    const { cache, handouts, engine } = this.parts;
    const submits = isOpenWork(image.mark.state);
    const waiting = submits ? (handouts.ahead ?? image.next_waiting_id) : null;
    if (this.wanted !== image.id) return;
    await cache.prefetchAround(image, waiting);
    const next = waiting ?? image.next_id;
    const coming = next === null ? null : cache.embeddingAhead(next);
    if (coming && this.wanted === image.id) await engine.prepareAhead(coming);
  }

  private async openPicture(id: number, file: Promise<Blob>): Promise<void> {
    const picture = await createImageBitmap(await file);
    if (this.wanted === id) this.picture = picture;
    else picture.close();
  }

  private async openEmbedding(id: number, loading: Promise<ArrayBuffer>): Promise<void> {
    const { engine, follower, session } = this.parts;
    const opened = await engine.open(follower.heeding(loading));
    if (opened && session.image?.id === id) session.embeddingReady();
  }
}

/** What was loaded ahead is there without the server, and its neighbours have to wait for it. Any other error is thrown. */
function unreachable(error: unknown): null {
  if (isAway(error)) return null;
  throw error;
}
