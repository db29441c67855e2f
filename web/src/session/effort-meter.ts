/** What objects cost: time and clicks, of the one being drawn and of saved ones that are changed by hand. */

import type { Document } from "./document.ts";
import { findAnnotation } from "./document.ts";
import { HandWork } from "./hand-work.ts";
import type { WorkClock } from "./pace.ts";
import { added, type Effort } from "./provenance.ts";
import type { Annotation } from "./types.ts";

export class EffortMeter {
  /** Clicks before each object's first prompt, by the time of that. */
  private readonly clicksBefore = new Map<number, number>();
  /** A gesture under way: when it began, and the clicks before, where they are known. */
  private begun: readonly [at: number, clicks: number | null] | null = null;
  private readonly handWork: HandWork;

  constructor(
    readonly clock: WorkClock,
    private readonly document: () => Document,
  ) {
    this.handWork = new HandWork(clock);
  }

  /** Seconds of work on the object being drawn, since its first prompt. Not reactive: time passes. */
  secondsWorked(): number {
    const { startedAt } = this.document();
    return startedAt === null ? 0 : Math.max(0, this.clock.now() - startedAt) / 1000;
  }

  /** What the object being drawn has cost, with what was spent on it before when it was reopened. */
  get drawn(): Effort {
    const document = this.document();
    const { startedAt, reopenedUid } = document;
    const before = startedAt === null ? undefined : this.clicksBefore.get(startedAt);
    const clicks = before === undefined ? null : this.clock.clicks - before;
    const earlier = findAnnotation(document, reopenedUid)?.provenance ?? null;
    return added(earlier, { seconds: this.secondsWorked(), clicks });
  }

  /** Somebody turns to a saved annotation, or to none: what is changed by hand from now on counts from here. */
  turn(): void {
    this.handWork.begin();
  }

  /** Of a saved annotation that is changed by hand now. */
  byHand(annotation: Annotation): Effort {
    return this.handWork.effortOn(annotation);
  }

  /** Of a saved annotation so far. Call for a step only that writes it into provenance: that says it from then on. */
  readonly soFar = (annotation: Annotation): Effort => this.handWork.settled(annotation);

  /** A gesture begins (true), or none is under way any more: what it makes has taken the time since it began. */
  working(underWay: boolean): void {
    this.begun = underWay ? [this.clock.now(), this.clock.clicksBefore] : null;
  }

  /** A gesture goes on that began in another tab, whose clicks are not known. */
  resume(at: number): void {
    this.begun = [at, null];
    this.handWork.begin(at);
  }

  /** When the gesture under way began; null when there is none. */
  get begunAt(): number | null {
    return this.begun?.[0] ?? null;
  }

  /** The moment for a step of the object being drawn; with its first one its work begins to count. */
  workedUntil(): number {
    return this.document().startedAt === null ? this.begin() : this.clock.now();
  }

  /** @returns when the work on an object began that is drawn from now on */
  begin(): number {
    const [at, clicks] = this.begun ?? [this.clock.now(), this.clock.clicksBefore];
    if (clicks !== null) this.clicksBefore.set(at, clicks);
    return at;
  }
}
