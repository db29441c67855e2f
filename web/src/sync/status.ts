/** How saving stands, as a page shows it. */
import type { Conflict, Overview } from "./overview.ts";
import type { Drained } from "./sender.ts";

export interface SyncState {
  /** `unkept`: this browser keeps nothing for now; what is done lives in this tab alone until it does again. */
  phase: "saved" | "saving" | "offline" | "signed_out" | "unkept";
  /**
   * Operations that this browser keeps until the server has them, without those that are held and marks that wait for them; when
   * `unkept`, all that this tab made and the server does not have.
   */
  waiting: number;
  /** Whether operations are in this tab alone: not on the disk yet, or not at all for now. */
  atRisk: boolean;
  conflicts: Conflict[];
  /** Why saving does not get on; empty when it does. */
  message: string;
}

export class SyncStatus {
  /** Why saving does not get on; null when it does. */
  trouble: Exclude<Drained, { outcome: "empty" }> | null = null;
  /** Whether the browser keeps nothing for now. */
  lost = false;
  private recording = 0;
  private shown: SyncState = { phase: "saved", waiting: 0, atRisk: false, conflicts: [], message: "" };

  constructor(
    private readonly overview: () => Promise<Overview>,
    private readonly onState: ((state: SyncState) => void) | undefined,
  ) {}

  /** @param waiting what this tab made and the server does not have */
  showUnkept(waiting: number): void {
    this.show({ ...this.shown, phase: "unkept", waiting, atRisk: waiting > 0 });
  }

  /** The page must not say "saved", nor that they wait, while operations are on their way to the disk. */
  async whileRecording<T>(operations: number, append: () => Promise<T>): Promise<T> {
    this.recording += operations;
    const { shown } = this;
    if (operations > 0) this.show({ ...shown, phase: this.phase(shown.waiting), atRisk: true });
    try {
      return await append();
    } finally {
      this.recording -= operations;
    }
  }

  /** Look again how it stands. */
  async publish(): Promise<void> {
    if (!this.onState) return;
    const { waiting, conflicts } = await this.overview();
    const atRisk = this.recording > 0 || this.lost;
    this.show({ phase: this.phase(waiting), waiting, atRisk, conflicts, message: this.message() });
  }

  private show(state: SyncState): void {
    this.shown = state;
    this.onState?.(state);
  }

  private phase(waiting: number): SyncState["phase"] {
    if (this.lost) return "unkept";
    if (waiting === 0) return this.recording > 0 ? "saving" : "saved";
    if (this.trouble?.outcome === "signed_out") return "signed_out";
    return this.trouble ? "offline" : "saving";
  }

  private message(): string {
    return this.trouble?.outcome === "unreachable" ? this.trouble.message : "";
  }
}
