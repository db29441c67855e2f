import type { ScreenPoint } from "../core/geometry.ts";
import { isDrag, type PointerInput, type Tool, type ToolSession, type ToolStage } from "./tool.ts";

/** For who may look and change nothing: a click selects an object, dragging moves the image. */
export class LookTool implements Tool {
  readonly cursor = "default";
  private from: ScreenPoint | null = null;
  /** Where the image was moved to; null while it may still be a click. */
  private last: ScreenPoint | null = null;

  constructor(
    private readonly session: Pick<ToolSession, "list" | "selection">,
    private readonly stage: ToolStage,
  ) {}

  hover(): void {}

  leave(): void {}

  down({ screen }: PointerInput): void {
    this.from = screen;
    this.last = null;
  }

  drag({ screen }: PointerInput): void {
    if (!this.from || (!this.last && !isDrag(this.from, screen))) return;
    const last = this.last ?? this.from;
    this.stage.panBy(screen[0] - last[0], screen[1] - last[1]);
    this.last = screen;
  }

  up({ image }: PointerInput): void {
    if (this.from && !this.last) this.session.selection.select(this.session.list.at(image)?.uid ?? null);
    this.cancel();
  }

  cancel(): boolean {
    const begun = this.from !== null;
    this.from = this.last = null;
    return begun;
  }
}
