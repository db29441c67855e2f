/** Has undo go on with what the person did to the image before, in this browser or another one. */

import type { Client } from "../api/client.ts";
import { NetworkError } from "../api/errors.ts";
import type { UndoSteps } from "../api/types.ts";
import { briefMoment } from "../texts/format.ts";
import { m } from "../texts/messages.ts";

export interface OwnStepsHost {
  readonly client: Pick<Client, "ownSteps">;
  /** The name of who works here. */
  me(): string;
  /** @param ended why the steps end where they do; empty when others have nothing to do with it */
  precede(steps: Pick<UndoSteps, "done" | "undone">, ended: string): void;
  fail(error: unknown): void;
}

export class OwnSteps {
  /** Counts what was asked for: only the answer to the last counts. */
  private turn = 0;

  constructor(private readonly host: OwnStepsHost) {}

  /**
   * The image is shown as the server has it, or will have it once `settled` resolves: what is on its way belongs to the
   * steps too.
   */
  async load(imageId: number, settled: Promise<void>): Promise<void> {
    const turn = ++this.turn;
    await settled;
    if (turn !== this.turn) return;
    try {
      const steps = await this.host.client.ownSteps(imageId);
      if (turn === this.turn) this.host.precede(steps, this.explained(steps.ended_by));
    } catch (error) {
      if (turn !== this.turn) return;
      if (error instanceof NetworkError)
        this.host.precede({ done: [], undone: [] }, m.annotate_steps_unknown());
      else this.host.fail(error);
    }
  }

  /** No image is shown, or another one. */
  forget(): void {
    this.turn++;
  }

  private explained(ended: UndoSteps["ended_by"]): string {
    if (!ended) return "";
    const when = briefMoment(ended.at);
    if (ended.by === this.host.me()) return m.annotate_steps_ended_by_script({ when });
    return m.annotate_steps_ended_by({ name: ended.by ?? m.annotate_somebody(), when });
  }
}
