/** Work on masks, measured: time passes only while somebody works. */

const IDLE = 10_000; // ms without pointer or key after which nobody is taken to work

/** Milliseconds of wall time less those in which nobody worked, and presses of the pointer. */
export class WorkClock {
  private idle = 0;
  private active: number;
  private hidden = false;
  private presses = 0;
  private byPointer = false;

  /** @param wall milliseconds since 1970 */
  constructor(private readonly wall: () => number = Date.now) {
    this.active = wall();
  }

  /** Since 1970, but for the time in which nobody worked. */
  now(): number {
    return this.wall() - this.idleUntil(this.wall());
  }

  /** Somebody moved the pointer, or pressed a key or the pointer. */
  sign(kind: "move" | "key" | "press"): void {
    const wall = this.wall();
    this.idle = this.idleUntil(wall);
    this.active = wall;
    this.hidden = false;
    if (kind === "press") this.presses += 1;
    if (kind !== "move") this.byPointer = kind === "press";
  }

  /** The page cannot be seen any more: nobody works on it until the next sign. */
  hide(): void {
    const wall = this.wall();
    this.idle = this.idleUntil(wall);
    this.active = wall;
    this.hidden = true;
  }

  /** Presses of the pointer so far. */
  get clicks(): number {
    return this.presses;
  }

  /** Presses before the one that is being acted on. */
  get clicksBefore(): number {
    return this.presses - (this.byPointer ? 1 : 0);
  }

  /** What {@link now} said, as wall time for somebody who has another clock, and back. */
  toWall(reading: number): number {
    return reading + this.idleUntil(this.wall());
  }

  fromWall(time: number): number {
    return time - this.idleUntil(this.wall());
  }

  private idleUntil(wall: number): number {
    const quiet = wall - this.active;
    return this.idle + Math.max(0, this.hidden ? quiet : quiet - IDLE);
  }
}

/** Let the clock hear what happens on a page. @returns disposer */
export function watchWork(clock: WorkClock, page: Window): () => void {
  const stop = new AbortController();
  const options = { signal: stop.signal, capture: true, passive: true };
  page.addEventListener("pointermove", () => clock.sign("move"), options);
  page.addEventListener("wheel", () => clock.sign("move"), options);
  page.addEventListener("pointerdown", () => clock.sign("press"), options);
  page.addEventListener("keydown", () => clock.sign("key"), options);
  page.document.addEventListener("visibilitychange", () => page.document.hidden && clock.hide(), options);
  return () => stop.abort();
}
