import type { ImagePoint } from "../core/geometry.ts";
import type { PointerInput, Tool, ToolSession, ToolStage } from "./tool.ts";

type State =
  | { readonly is: "idle" }
  | { readonly is: "painting"; readonly last: ImagePoint; readonly erases: boolean };

const IDLE: State = { is: "idle" };

/** Paints pixels, or takes them away: always as eraser, while Alt, Ctrl or the right button is held as brush. */
export class BrushTool implements Tool {
  readonly cursor = "none"; // the outline of the brush shows where it is
  private state: State = IDLE;
  private lastEnd: ImagePoint | null = null;

  constructor(
    private readonly session: ToolSession,
    private readonly stage: ToolStage,
    private readonly isEraser: boolean,
  ) {}

  hover(input: PointerInput): void {
    this.showBrush(input, this.erases(input));
  }

  leave(): void {
    this.stage.show({});
  }

  down(input: PointerInput): void {
    const { session } = this;
    const erases = this.erases(input);
    if (erases && !session.draft.active && session.selection.uid === null) {
      session.selection.select(session.list.at(input.image)?.uid ?? null);
    }
    if (!session.masks.begin()) return;
    this.state = { is: "painting", last: (input.straight && this.lastEnd) || input.image, erases };
    this.drag(input);
  }

  drag(input: PointerInput): void {
    const { state } = this;
    if (state.is === "idle") return;
    const { masks } = this.session;
    masks.stroke(state.last, input.image, masks.options.size * input.pressure, state.erases);
    this.state = { ...state, last: input.image };
    this.showBrush(input, state.erases);
  }

  up(input: PointerInput): void {
    if (this.state.is === "idle") return;
    this.state = IDLE;
    this.lastEnd = input.image;
    this.session.masks.finish();
  }

  cancel(): boolean {
    const begun = this.state.is !== "idle";
    this.state = IDLE;
    this.lastEnd = null;
    this.session.masks.cancel();
    this.stage.show({});
    return begun;
  }

  private erases({ erasing }: PointerInput): boolean {
    return this.isEraser || erasing;
  }

  private showBrush({ image, pressure }: PointerInput, erases: boolean): void {
    this.stage.show({ brush: { at: image, share: pressure, erases } });
  }
}
