import { BACKGROUND, FOREGROUND } from "../core/prompts.ts";
import { isDrag, type PointerInput, type Tool, type ToolSession, type ToolStage } from "./tool.ts";

type State =
  | { readonly is: "idle" }
  | { readonly is: "pressed"; readonly from: PointerInput; readonly marker: number | null }
  | { readonly is: "boxing"; readonly from: PointerInput }
  | { readonly is: "moving"; readonly marker: number };

const IDLE: State = { is: "idle" };

/**
 * Hover previews, a click sets a point, a drag draws a box. On a marker, a click removes it and a drag moves it. While nothing is
 * being drawn, saved annotations are left alone by previews, a click selects the smallest one there and another click the next
 * below, a double click reopens it, and Alt+click begins a new object on top. Ctrl+click selects at any time.
 * A click on a suggestion takes it.
 */
export class PointsTool implements Tool {
  readonly cursor = "crosshair";
  private state: State = IDLE;

  constructor(
    private readonly session: ToolSession,
    private readonly stage: ToolStage,
  ) {}

  hover(input: PointerInput): void {
    const { image, screen } = input;
    const suggestion = this.suggestionAt(input);
    this.session.suggestions.light(suggestion);
    const previews =
      suggestion === null && this.stage.markerAt(screen) === null && this.targets(input).length === 0;
    this.session.drawing.hover(previews ? image : null);
  }

  leave(): void {
    this.session.suggestions.light(null);
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
    if (state.is === "boxing") this.session.drawing.setBox(state.from.image, input.image);
    if (state.is === "moving") this.session.drawing.movePoint(state.marker, input.image);
  }

  cancel(): boolean {
    const begun = this.state.is !== "idle";
    this.state = IDLE;
    this.stage.show({});
    return begun;
  }

  /** Comes after the second of two clicks on one spot, which selected. */
  doubleClick(input: PointerInput): void {
    const [smallest] = this.targets(input);
    if (smallest) this.session.drawing.reopen(smallest.uid);
  }

  /** uid of the suggestion that a click would take. */
  private suggestionAt({ image, background, onTop, selecting }: PointerInput): string | null {
    if (this.session.draft.active || background || onTop || selecting) return null;
    return this.session.suggestions.at(image)?.uid ?? null;
  }

  /** What a click would select. */
  private targets({ image, background, onTop }: PointerInput): readonly { readonly uid: string }[] {
    if (this.session.draft.active || background || onTop) return [];
    return this.session.list.allAt(image);
  }

  private click(input: PointerInput, marker: number | null): void {
    const { image, background, onTop, selecting } = input;
    const suggestion = this.suggestionAt(input);
    if (suggestion !== null) {
      this.session.suggestions.take(suggestion);
      return;
    }
    const targets = this.targets(input);
    if (!selecting && targets.length > 0) {
      const here = targets.findIndex(({ uid }) => uid === this.session.selection.uid);
      this.session.selection.select(targets[(here + 1) % targets.length]!.uid);
    } else if (selecting) {
      this.session.selection.select(this.session.list.at(image)?.uid ?? null);
    } else if (marker !== null) {
      this.session.drawing.removePoint(marker);
    } else {
      const isNew = onTop && !this.session.draft.active;
      this.session.drawing.addPoint(image, background && !isNew ? BACKGROUND : FOREGROUND);
    }
  }
}

/** What a press becomes once it moves. Only a plain left button drags; others stay the click they are. */
function begin(pressed: Extract<State, { is: "pressed" }>): State {
  const { from, marker } = pressed;
  if (from.button !== "left" || from.background || from.selecting) return pressed;
  return marker === null ? { is: "boxing", from } : { is: "moving", marker };
}
