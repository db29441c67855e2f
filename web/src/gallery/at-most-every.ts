/** Does the same again and again, but not more often than its answers are worth. */
export class AtMostEvery {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private asked = false;

  /** @param pause ms between two times */
  constructor(
    private readonly pause: number,
    private readonly work: () => void,
  ) {}

  /** Now, or once the pause is over. */
  ask(): void {
    if (this.timer !== null) {
      this.asked = true;
      return;
    }
    this.asked = false;
    this.timer = setTimeout(() => {
      this.timer = null;
      if (this.asked) this.ask();
    }, this.pause);
    this.work();
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
