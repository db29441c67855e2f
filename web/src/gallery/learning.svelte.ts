/** The learning runs of a project, kept as they are now by events. */
import type { ProjectEvents } from "../api/events.ts";
import type { LearningClient } from "../api/learning.ts";
import type { LearningRun } from "../api/types.ts";
import type { ProjectStreams } from "../sync/streams.ts";

const KEPT_LOSSES = 2000;

export class LearningRuns {
  /** The newest first. */
  runs = $state.raw<LearningRun[]>([]);
  /** Losses of the run that trains, by step, as far as this page has heard of them. */
  losses = $state.raw<readonly (readonly [step: number, loss: number])[]>([]);
  private lossesOf = 0;
  private asked = 0;

  constructor(
    private readonly client: Pick<LearningClient, "runs">,
    private readonly projectId: number,
    private readonly report: (error: unknown) => void,
  ) {}

  /** Answers may overtake each other: only that to the latest question counts. */
  async load(): Promise<void> {
    const question = ++this.asked;
    const runs = await this.client.runs(this.projectId);
    if (question === this.asked) this.runs = runs;
  }

  /** @returns disposer */
  listen(streams: ProjectStreams): () => void {
    const again = () => void this.load().catch(this.report);
    return streams.listen(this.projectId, {
      learning: (event) => this.hear(event),
      model: again, // another version is in use
      start: again,
      reset: again,
    });
  }

  hear(event: Parameters<NonNullable<ProjectEvents["learning"]>>[0]): void {
    const { run_id, state, progress, message = "" } = event;
    const known = this.runs.find(({ id }) => id === run_id);
    if (known?.state !== state) void this.load().catch(this.report); // its figures are not told
    if (!known) return;
    this.runs = this.runs.map((run) => (run === known ? { ...run, state, progress, message } : run));
    if (progress.stage !== "training" || typeof progress.loss !== "number") return;
    const before = this.lossesOf === run_id ? this.losses.filter(([step]) => step < progress.step) : [];
    this.lossesOf = run_id;
    this.losses = [...before.slice(-KEPT_LOSSES), [progress.step, progress.loss] as const];
  }
}
