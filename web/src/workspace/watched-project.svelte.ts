/** The project whose images are annotated, kept as it is now: others rename it and change its categories. */
import type { Client } from "../api/client.ts";
import type { Category, Project } from "../api/types.ts";

const SETTLE = 200; // ms; many events in a row ask for the project once

export interface WatchedProjectOptions {
  /** The categories in their order; `first` says that they were not known before. */
  categories(categories: readonly Category[], first: boolean): void;
  /** Hash of the weights of the model that it uses; told again and again, not only when it changes. */
  model(weightsSha256: string): void;
  fail(error: unknown): void;
}

export class WatchedProject {
  project = $state.raw<Project | null>(null);
  private asked = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly client: Pick<Client, "project">,
    private readonly id: number,
    private readonly options: WatchedProjectOptions,
  ) {}

  /** Ask for the project. Answers may overtake each other: only that to the latest question counts. */
  async load(): Promise<void> {
    const question = ++this.asked;
    try {
      const project = await this.client.project(this.id);
      if (question !== this.asked) return;
      const first = this.project === null;
      this.project = project;
      this.options.categories(
        project.categories.toSorted((a, b) => a.position - b.position),
        first,
      );
      this.options.model(project.model.weights_sha256);
    } catch (error) {
      if (question === this.asked) this.options.fail(error);
    }
  }

  /** Something changed: ask again in a moment. */
  loadSoon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      void this.load();
    }, SETTLE);
  }

  dispose(): void {
    this.asked += 1;
    if (this.timer !== null) clearTimeout(this.timer);
  }
}
