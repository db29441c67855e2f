import type { PointerInput, Tool, ToolSession } from "./tool.ts";

/** A click fills the hole under it; with Alt, Ctrl or the right button it removes the part of the mask under it. */
export class FillTool implements Tool {
  readonly cursor = "cell";

  constructor(private readonly session: ToolSession) {}

  hover(): void {}

  leave(): void {}

  down(): void {}

  drag(): void {}

  up({ image, erasing }: PointerInput): void {
    this.session.masks.fillAt(image, erasing);
  }

  cancel(): boolean {
    return false;
  }
}
