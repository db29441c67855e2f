/** What it costs to change saved masks by hand: the work since somebody turned to one, or since its last change. */

import type { WorkClock } from "./pace.ts";
import { added, type Effort, NO_EFFORT } from "./provenance.ts";
import type { Annotation } from "./types.ts";

type Worked = Pick<Annotation, "uid" | "provenance">;

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
  effortOn({ uid, provenance }: Worked): Effort {
    const { clock } = this;
    const more = { seconds: (clock.now() - this.since) / 1000, clicks: clock.clicks - this.clicksBefore };
    const effort = added(this.before({ uid, provenance }), more);
    this.spent.set(uid, effort);
    this.since = clock.now();
    this.clicksBefore = clock.clicks;
    return effort;
  }

  /** What was spent on an annotation so far, for a step after which its provenance says so. */
  settled(annotation: Worked): Effort {
    const effort = added(this.before(annotation), NO_EFFORT);
    this.spent.delete(annotation.uid);
    return effort;
  }

  private before({ uid, provenance }: Worked): Partial<Effort> | null {
    const known = this.spent.get(uid) ?? null;
    const undone = (known?.seconds ?? 0) > (provenance?.seconds ?? 0);
    return undone ? known : provenance;
  }
}
