/** What it costs to change saved masks by hand: the work since somebody turned to one, or since its last change. */

import type { WorkClock } from "./pace.ts";
import { added, type Effort } from "./provenance.ts";
import type { Annotation } from "./types.ts";

export class HandWork {
  private since: number;
  private clicksBefore: number;
  /** Seconds and clicks up to now, by uid: undoing a stroke gives nobody the time back. */
  private readonly spent = new Map<string, Effort>();

  constructor(private readonly clock: WorkClock) {
    this.since = clock.now();
    this.clicksBefore = clock.clicks;
  }

  /** Somebody turns to a mask, or did at an earlier time: the press that does it counts. */
  begin(since = this.clock.now()): void {
    this.since = since;
    this.clicksBefore = this.clock.clicksBefore;
  }

  /** Up to a change that is made now, with what was spent on the annotation before. */
  effortOn({ uid, provenance }: Pick<Annotation, "uid" | "provenance">): Effort {
    const { clock } = this;
    const more = { seconds: (clock.now() - this.since) / 1000, clicks: clock.clicks - this.clicksBefore };
    const known = this.spent.get(uid) ?? null;
    const undone = (known?.seconds ?? 0) > (provenance?.seconds ?? 0);
    const effort = added(undone ? known : provenance, more);
    this.spent.set(uid, effort);
    this.since = clock.now();
    this.clicksBefore = clock.clicks;
    return effort;
  }
}
