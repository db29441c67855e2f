/** At most one paint per frame: of those requested in between, the newest. */
export class Frame {
  private handle: number | null = null;
  private paint: () => void = () => undefined;

  request(paint: () => void): void {
    this.paint = paint;
    this.handle ??= requestAnimationFrame(() => {
      this.handle = null;
      this.paint();
    });
  }

  cancel(): void {
    if (this.handle !== null) cancelAnimationFrame(this.handle);
    this.handle = null;
  }
}
