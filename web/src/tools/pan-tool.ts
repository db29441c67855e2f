import type { ScreenPoint } from "../core/geometry.ts";
import type { PointerInput, Tool, ToolStage } from "./tool.ts";

/** Moves the image under the pointer: Space or the middle button. */
export class PanTool implements Tool {
  readonly cursor = "grab";
  private last: ScreenPoint | null = null;

  constructor(private readonly stage: ToolStage) {}

  hover(): void {}

  leave(): void {}

  down({ screen }: PointerInput): void {
    this.last = screen;
  }

  drag({ screen }: PointerInput): void {
    if (!this.last) return;
    this.stage.panBy(screen[0] - this.last[0], screen[1] - this.last[1]);
    this.last = screen;
  }

  up(): void {
    this.last = null;
  }

  cancel(): boolean {
    const begun = this.last !== null;
    this.last = null;
    return begun;
  }
}
