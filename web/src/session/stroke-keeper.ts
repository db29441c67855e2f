/** Keeps what a hand has made so far while it goes on: a stroke can take long, and its tab can die in the middle. */

const EVERY = 700; // ms; with the time that writing takes, less than a second is lost

export class StrokeKeeper {
  private timer: ReturnType<typeof setInterval> | null = null;
  private last: unknown = null;
  private kept = false;

  /**
   * @param progress another value whenever more has been made; null while nothing is under way
   * @param keep writes down what was made so far, or (false) that nothing is under way any more
   */
  constructor(
    private readonly progress: () => unknown,
    private readonly keep: (underWay: boolean) => void,
  ) {}

  /** A gesture begins, or none is under way any more. */
  watch(underWay: boolean): void {
    if (underWay) {
      this.timer ??= setInterval(() => this.look(), EVERY);
      return;
    }
    const { kept } = this;
    this.stop();
    if (kept) this.keep(false);
  }

  /** What was kept of a stroke under way stays kept. */
  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.superseded();
  }

  /** What is kept from now on is the document: a stroke under way is no longer in it. */
  superseded(): void {
    this.kept = false;
    this.last = null;
  }

  private look(): void {
    const now = this.progress();
    if (now === this.last) return;
    this.keep(now !== null);
    this.kept = now !== null;
    this.last = now;
  }
}
