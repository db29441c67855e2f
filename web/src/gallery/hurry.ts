/** Whether a list is scrolled so fast that nobody sees what goes by: pictures of it would only hold up those that are stopped at. */
const HURRIED = 10; // windows a second; the browser itself glides through a page faster than half of that
const REST = 80; // ms without another scroll event, after which what is seen stays

export class Hurry {
  private at = 0;
  private since = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;

  /** @param tell whether it is hurried, whenever that changes */
  constructor(private readonly tell: (hurried: boolean) => void) {}

  /** The list is scrolled to `at` px at the time `now`, in ms; the window is so high. */
  moved(at: number, height: number, now: number): void {
    const passed = Math.max(1, now - this.since);
    const windows = Math.abs(at - this.at) / Math.max(1, height);
    [this.at, this.since] = [at, now];
    // One step, however far, is a jump to where somebody wants to be; a second one right after it is not.
    if (passed > REST || (1000 * windows) / passed < HURRIED) return;
    if (this.timer === null) this.tell(true);
    else clearTimeout(this.timer);
    this.timer = setTimeout(() => this.rest(), REST);
  }

  /** Nothing is told any more. */
  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private rest(): void {
    this.timer = null;
    this.tell(false);
  }
}
