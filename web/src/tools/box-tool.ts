import type { ImagePoint } from "../core/geometry.ts";
import { BACKGROUND } from "../core/prompts.ts";
import { isDrag, type PointerInput, type Tool, type ToolSession, type ToolStage } from "./tool.ts";

type State =
  | { readonly is: "idle" }
  | { readonly is: "dragging"; readonly from: PointerInput }
  | { readonly is: "anchored"; readonly corner: ImagePoint } // between the two clicks of a clicked box
  | { readonly is: "finishing"; readonly corner: ImagePoint };

const IDLE: State = { is: "idle" };

/** A box by dragging, or by clicking two corners. Background clicks still set points. */
export class BoxTool implements Tool {
  readonly cursor = "crosshair";
  private state: State = IDLE;

  constructor(
    private readonly session: ToolSession,
    private readonly stage: ToolStage,
  ) {}

  get underWay(): boolean {
    return this.state.is !== "idle";
  }

  hover({ image }: PointerInput): void {
    this.stage.show({
      crosshair: image,
      ...(this.state.is === "anchored" && { band: [this.state.corner, image] as const }),
    });
  }

  leave(): void {
    this.stage.show(this.state.is === "anchored" ? { band: [this.state.corner, this.state.corner] } : {});
  }

  down(input: PointerInput): void {
    if (input.background || input.selecting) return;
    this.state =
      this.state.is === "anchored"
        ? { is: "finishing", corner: this.state.corner }
        : { is: "dragging", from: input };
  }

  drag({ image }: PointerInput): void {
    const corner =
      this.state.is === "dragging"
        ? this.state.from.image
        : this.state.is === "finishing" && this.state.corner;
    if (corner) this.stage.show({ band: [corner, image], crosshair: image });
  }

  up(input: PointerInput): void {
    const { state } = this;
    if (state.is === "idle" || state.is === "anchored") this.click(input);
    else if (state.is === "finishing") this.place(state.corner, input.image);
    else if (isDrag(state.from.screen, input.screen)) this.place(state.from.image, input.image);
    else this.state = { is: "anchored", corner: state.from.image };
  }

  abort(): void {
    const { state } = this;
    if (state.is === "finishing") this.state = { is: "anchored", corner: state.corner };
    else this.cancel();
  }

  cancel(): boolean {
    const begun = this.underWay;
    this.state = IDLE;
    this.stage.show({});
    return begun;
  }

  private place(from: ImagePoint, to: ImagePoint): void {
    this.cancel();
    this.session.drawing.setBox(from, to);
  }

  private click({ image, background, selecting }: PointerInput): void {
    if (selecting) this.session.selection.select(this.session.list.at(image)?.uid ?? null);
    else if (background) this.session.drawing.addPoint(image, BACKGROUND);
  }
}
