import { BACKGROUND, FOREGROUND } from "../core/prompts.ts";
import { isDrag, type PointerInput, type Tool, type ToolSession, type ToolStage } from "./tool.ts";

type State =
  | { readonly is: "idle" }
  | { readonly is: "pressed"; readonly from: PointerInput; readonly marker: number | null }
  | { readonly is: "boxing"; readonly from: PointerInput }
  | { readonly is: "moving"; readonly marker: number };

const IDLE: State = { is: "idle" };

/**
 * Hover previews, a click sets a point, a drag draws a box. On a marker, a click removes it and a drag moves it. Ctrl+click
 * selects a saved annotation, a double click reopens it.
 */
export class PointsTool implements Tool {
  readonly cursor = "crosshair";
  private state: State = IDLE;
  private clicks = 0; // steps that the clicks of a possible double click have made

  constructor(
    private readonly session: ToolSession,
    private readonly stage: ToolStage,
  ) {}

  hover({ image, screen }: PointerInput): void {
    this.session.drawing.hover(this.stage.markerAt(screen) === null ? image : null);
  }

  leave(): void {
    this.session.drawing.hover(null);
  }

  down(from: PointerInput): void {
    const marker = from.button === "left" ? this.stage.markerAt(from.screen) : null;
    this.state = { is: "pressed", from, marker };
  }

  drag(input: PointerInput): void {
    const { state } = this;
    if (state.is === "pressed" && isDrag(state.from.screen, input.screen)) {
      this.session.drawing.hover(null);
      this.state = begin(state);
    }
    if (this.state.is === "boxing") this.stage.show({ band: [this.state.from.image, input.image] });
    if (this.state.is === "moving") {
      this.stage.show({ movedPoint: { index: this.state.marker, to: input.image } });
    }
  }

  up(input: PointerInput): void {
    const { state } = this;
    this.cancel();
    if (state.is === "pressed") this.click(state.from, state.marker);
    else this.clicks = 0;
    if (state.is === "boxing") this.session.drawing.setBox(state.from.image, input.image);
    if (state.is === "moving") this.session.drawing.movePoint(state.marker, input.image);
  }

  cancel(): boolean {
    const begun = this.state.is !== "idle";
    this.state = IDLE;
    this.stage.show({});
    return begun;
  }

  /** Comes after the second of two clicks on one spot. They set a point and removed it: that is taken back. */
  doubleClick({ image }: PointerInput): void {
    if (this.session.draft.active) return;
    const target = this.session.list.at(image);
    if (!target) return;
    for (; this.clicks > 0; this.clicks--) this.session.store.undo();
    this.session.drawing.reopen(target.uid);
  }

  private click({ image, background, selecting }: PointerInput, marker: number | null): void {
    const first = !this.session.draft.active;
    if (selecting) {
      this.session.selection.select(this.session.list.at(image)?.uid ?? null);
      this.clicks = 0;
    } else if (marker !== null) {
      this.session.drawing.removePoint(marker);
      this.clicks++;
    } else {
      this.session.drawing.addPoint(image, background ? BACKGROUND : FOREGROUND);
      this.clicks = first ? 1 : 0;
    }
  }
}

/** What a press becomes once it moves. Only a plain left button drags; others stay the click they are. */
function begin(pressed: Extract<State, { is: "pressed" }>): State {
  const { from, marker } = pressed;
  if (from.button !== "left" || from.background || from.selecting) return pressed;
  return marker === null ? { is: "boxing", from } : { is: "moving", marker };
}
