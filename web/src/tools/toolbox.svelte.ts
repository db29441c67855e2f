/** All tools of one stage: hands each gesture to the tool that it began with. */

import type { ToolName } from "../session/types.ts";
import { BoxTool } from "./box-tool.ts";
import { BrushTool } from "./brush-tool.ts";
import { FillTool } from "./fill-tool.ts";
import { LookTool } from "./look-tool.ts";
import { PanTool } from "./pan-tool.ts";
import { PointsTool } from "./points-tool.ts";
import { PolygonTool } from "./polygon-tool.ts";
import type { PointerInput, Tool, ToolSession, ToolStage } from "./tool.ts";
import { VertexTool } from "./vertex-tool.ts";

export class Toolbox {
  private readonly tools: Readonly<Record<ToolName, Tool>>;
  private readonly pan: PanTool;
  private readonly look: LookTool;
  private active = $state.raw<{ readonly tool: Tool; readonly button: PointerInput["button"] } | null>(null);
  /** True while Space is held. */
  panning = $state.raw(false);
  /** Whether presses mean "not this" until the object is finished: for hands without a right button. */
  negating = $state.raw(false);

  constructor(
    private readonly session: ToolSession & { readonly tool: ToolName },
    stage: ToolStage,
  ) {
    this.tools = {
      points: new PointsTool(session, stage),
      box: new BoxTool(session, stage),
      brush: new BrushTool(session, stage, false),
      eraser: new BrushTool(session, stage, true),
      polygon: new PolygonTool(session, stage),
      fill: new FillTool(session),
      vertices: new VertexTool(session, stage),
    };
    this.pan = new PanTool(stage);
    this.look = new LookTool(session, stage);
  }

  /** CSS cursor for the stage. */
  get cursor(): string {
    return this.active?.tool === this.pan ? "grabbing" : this.resting.cursor;
  }

  /** Whether a button or finger is down on the stage. */
  get pressed(): boolean {
    return this.active !== null;
  }

  /** Whether a stroke is under way. */
  get isPainting(): boolean {
    return this.active?.tool instanceof BrushTool;
  }

  down(input: PointerInput): void {
    if (this.active) return; // a second button joins no gesture
    if (!this.session.draft.active) this.negating = false;
    const tool = input.button === "middle" ? this.pan : this.resting;
    this.active = { tool, button: input.button };
    if (!this.resting.underWay) this.session.working(true);
    tool.down(this.meant(input));
  }

  move(input: PointerInput): void {
    if (this.active) this.active.tool.drag(this.meant(input));
    else this.resting.hover(this.meant(input));
  }

  up(input: PointerInput): void {
    if (this.active?.button !== input.button) return;
    const { tool } = this.active;
    this.active = null;
    tool.up(this.meant(input));
    this.settle();
  }

  leave(): void {
    if (!this.active) this.resting.leave();
  }

  doubleClick(input: PointerInput): void {
    if (!this.panning) this.resting.doubleClick?.(input);
    this.settle();
  }

  /** Whether something was begun that Enter could finish. */
  get underWay(): boolean {
    return this.resting.underWay ?? false;
  }

  /** Enter. @returns whether the tool had something to finish */
  finish(): boolean {
    const finished = this.resting.finish?.() ?? false;
    this.settle();
    return finished;
  }

  /** Backspace. @returns whether the tool had a click to take back */
  back(): boolean {
    const taken = this.resting.back?.() ?? false;
    this.settle();
    return taken;
  }

  /** Forget the press under way, as if it had not been: two fingers came down, or a pen. */
  abort(): void {
    const tool = this.active?.tool;
    this.active = null;
    if (tool?.abort) tool.abort();
    else tool?.cancel();
    this.settle();
  }

  /** @returns whether a gesture was under way */
  cancel(): boolean {
    this.active = null;
    const begun = this.all.map((tool) => tool.cancel()).includes(true);
    this.settle();
    return begun;
  }

  /** Another image is open, or another tool chosen. A polygon that the session goes on with stays under way. */
  reset(): void {
    this.active = null;
    for (const tool of this.all) {
      if (tool.reset) tool.reset();
      else tool.cancel();
    }
    this.settle();
  }

  private meant(input: PointerInput): PointerInput {
    return this.negating ? { ...input, background: true, erasing: true } : input;
  }

  private settle(): void {
    if (!this.active && !this.resting.underWay) this.session.working(false);
  }

  private get all(): readonly Tool[] {
    return [this.pan, this.look, ...Object.values(this.tools)];
  }

  private get resting(): Tool {
    if (this.panning) return this.pan;
    return this.session.readOnly ? this.look : this.tools[this.session.tool];
  }
}
