/** The project uses another model: the page takes it when nothing that is drawn would change by that. */

import { ApiError } from "../api/errors.ts";
import type { Session } from "../session/session.svelte.ts";
import type { CloserLook } from "./closer-look.svelte.ts";
import type { Engine } from "./engine.svelte.ts";
import type { ImageCache } from "./image-cache.ts";

export interface ModelFollowerHost {
  readonly cache: Pick<ImageCache, "clear">;
  readonly engine: Pick<Engine, "follow" | "turnOver" | "ready">;
  readonly session: Pick<Session, "draft" | "lookAt">;
  readonly closer: Pick<CloserLook, "reset">;
  /** The page has taken another model. */
  taken(): void;
  /** The open image is to be encoded again. */
  embedAgain(): void;
  /** The server has refused what was asked for, since the project uses another model. */
  refused(): void;
}

export class ModelFollower {
  constructor(private readonly host: ModelFollowerHost) {}

  /** The project uses this model. The page goes on with the one that it has until nothing is drawn that would change. */
  async follow(sha256: string): Promise<void> {
    if (await this.host.engine.follow(sha256)) this.turnOverWhenFree();
  }

  /**
   * What is being drawn keeps the answers that it has; but while there are none, since no embedding of the image fits the model
   * of this page any more, nothing is lost by another one.
   */
  turnOverWhenFree(): void {
    const { engine, session, closer } = this.host;
    if (session.draft.active && engine.ready) return;
    if (!this.turnOver()) return;
    closer.reset();
    session.lookAt(null);
    this.host.embedAgain();
  }

  /** Take the model that was followed, if there is one, while no image is open. @returns whether there was */
  turnOver(): boolean {
    if (!this.host.engine.turnOver()) return false;
    this.host.cache.clear();
    this.host.taken();
    return true;
  }

  /** What the server refuses because the project uses another model has this page follow. */
  async heeding<T>(asking: Promise<T>): Promise<T> {
    try {
      return await asking;
    } catch (error) {
      if (error instanceof ApiError && error.code === "model_changed") this.host.refused();
      throw error;
    }
  }
}
