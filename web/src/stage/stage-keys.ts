/** What keys do to the stage, some of them for as long as they are down. */

import type { Session } from "../session/session.svelte.ts";
import type { Command } from "../tools/command-table.ts";
import { perform, type Viewer } from "../tools/commands.ts";
import type { Toolbox } from "../tools/toolbox.ts";

type Key = Pick<KeyboardEvent, "code" | "key">;

export class StageKeys {
  /** Commands that last, by the key that is down. */
  private readonly held = new Map<string, Command>();

  constructor(
    private readonly session: Session,
    private readonly tools: Toolbox,
    private readonly viewer: Viewer,
  ) {}

  /** @returns whether the command meant something here */
  down(command: Command, key: Key): boolean {
    return this.hold(command, key) || this.toolTakes(command) || perform(command, this.session, this.viewer);
  }

  up({ code, key }: Key): void {
    const command = this.held.get(code || key);
    this.held.delete(code || key);
    if (command === "pan") this.tools.panning = false;
    if (command === "peek") this.session.peeking = false;
  }

  /** Keys that are released elsewhere never tell. */
  releaseAll(): void {
    this.held.clear();
    this.tools.panning = false;
    this.session.peeking = false;
  }

  private hold(command: Command, { code, key }: Key): boolean {
    if (command === "pan") this.tools.panning = true;
    else if (command === "peek") this.session.peeking = true;
    else return false;
    this.held.set(code || key, command);
    return true;
  }

  /** A gesture under way is dropped, finished or taken back first. */
  private toolTakes(command: Command): boolean {
    if (command === "drop") return this.tools.cancel();
    if (command === "accept") return this.tools.finish();
    return command === "removeLastPrompt" && this.tools.back();
  }
}
